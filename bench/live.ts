/**
 * An engine whose streams do not end, and 200 clients of a proxy in front of it, in one process: `node bench/live.ts` prints
 * the port of the engine. A line `PORT KEY` on standard input opens the streams through that proxy; the process prints
 * `open` once each has its first event. It runs until it is killed.
 */
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import process from 'node:process';
import { createInterface } from 'node:readline';

const streams = 200;
/** Five tokens a second in each stream: many people read, and the machine is not busy. */
const eventEveryMs = 200;
const event = `data: ${JSON.stringify({
  id: 'chatcmpl-live',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'live',
  choices: [{ index: 0, delta: { content: ' word' }, finish_reason: null }],
})}\n\n`;
const models = JSON.stringify({ object: 'list', data: [{ id: 'live', object: 'model' }] });

const engine = createServer((asked, response) => {
  asked.resume();
  if (asked.method === 'GET') {
    response.writeHead(asked.url === '/v1/models' ? 200 : 404, { 'content-type': 'application/json' });
    return void response.end(models);
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(event);
  const timer = setInterval(() => response.write(event), eventEveryMs);
  response.on('close', () => clearInterval(timer));
});
engine.listen(0, '127.0.0.1', () => console.log((engine.address() as AddressInfo).port));

function openStream(port: number, key: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port,
        agent: false,
        method: 'POST',
        path: '/v1/chat/completions',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      },
      (response) => {
        if (response.statusCode !== 200) return reject(new Error(`status ${response.statusCode}`));
        response.on('data', () => resolve());
      },
    );
    sent.on('error', reject);
    sent.end('{"model":"live","stream":true,"messages":[{"role":"user","content":"hello"}]}');
  });
}

for await (const line of createInterface({ input: process.stdin })) {
  const [port = '', ...keys] = line.split(' ');
  await Promise.all(
    Array.from({ length: streams }, (_, i) => openStream(Number(port), keys[i % keys.length] ?? '')),
  );
  console.log('open');
}
