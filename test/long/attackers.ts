/**
 * Attacks a proxy in many ways at once, from a thread of its own, until it is told to stop. Everything is bounded: sockets,
 * bytes and requests in flight. It says what each attack did.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';

const { port, greedyKey } = workerData as { readonly port: number; readonly greedyKey: string };
const MiB = 1024 ** 2;
const counts: Record<string, number> = {};
const open = new Set<Socket>();
let over = false;

function dial(localAddress = '127.0.0.1'): Socket {
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  open.add(socket);
  socket.on('error', () => {});
  socket.on('close', () => open.delete(socket));
  socket.resume();
  return socket;
}

const request = (method: string, path: string, headers: string, body = ''): string =>
  `${method} ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
const json = 'Content-Type: application/json\r\n';
const bearer = `Authorization: Bearer ${greedyKey}\r\n`;
const chat = (headers: string, body: string): string =>
  request('POST', '/v1/chat/completions', json + headers, body);

/** One connection after the other, each with these bytes; the next one when the last was answered or closed. */
async function repeat(name: string, bytesOf: (round: number) => string, addresses = 1): Promise<void> {
  for (let round = 0; !over; round++) {
    const socket = dial(`127.0.0.${2 + (round % addresses)}`);
    socket.write(bytesOf(round));
    // `once` rejects where the socket fails first, which an attacker does not mind.
    const ended = Promise.race([once(socket, 'data'), once(socket, 'close')]).catch(() => {});
    await Promise.race([ended, setTimeout(2_000)]);
    socket.destroy();
    counts[name] = round + 1;
  }
}

/** So many connections at once, held open. */
function hold(name: string, count: number, begin: (socket: Socket, index: number) => void): void {
  for (let i = 0; i < count; i++) begin(dial(`127.0.0.${20 + (i % 100)}`), i);
  counts[name] = count;
}

hold('idle connections', 1_500, () => {});
hold('slow heads', 200, (socket) => socket.write('GET /v1/models HTTP/1.1\r\nHost: loc'));
hold('bodies at rest', 20, (socket) => {
  socket.write(
    `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n${bearer}${json}Content-Length: ${60 * MiB}\r\n\r\n`,
  );
  for (let i = 0; i < 30; i++) socket.write(Buffer.alloc(MiB, 0x20));
});
hold('endless streams', 300, (socket) =>
  socket.write(chat(bearer, '{"model":"m","stream":true,"user":"endless"}')),
);
const loops = [
  repeat('without a key', () => request('GET', '/v1/models', '').repeat(20), 10),
  repeat('wrong keys', (n) => request('GET', '/v1/models', `Authorization: Bearer sk-${n}\r\n`), 10),
  repeat('no HTTP', (n) => `\x16\x03\x01${n}\r\n\r\n`, 10),
  repeat('blanks around the body', () => chat(bearer, `${' '.repeat(8 * MiB)}{"model":"m"}`)),
  repeat('long forwarded', () => chat(`${bearer}X-Forwarded-For: ${'1.1.1.1, '.repeat(1_500)}x\r\n`, '{}')),
  repeat('unknown models', (n) => chat(bearer, `{"model":"${'m'.repeat(90)}${n}"}`)),
  repeat('left early', () => chat(bearer, `{"model":"m","stream":true,"prompt":"${'x'.repeat(100_000)}"}`)),
  repeat('odd methods', () => request('TRACE', '/engine/x/v1/models', bearer)),
];

parentPort?.once('message', () => {
  over = true;
  void Promise.all(loops).then(() => {
    for (const socket of open) socket.destroy();
    parentPort?.postMessage(counts);
    parentPort?.close();
  });
});
