/**
 * An engine made of exact bytes: records every byte of each request and answers as a script says. It can refuse, stall,
 * trickle, reset anywhere, lie about lengths, break chunks. The script sees one request at a time, a connection may
 * carry several.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';

export interface RawRequest {
  /** Request line and fields as they came, without the empty line. */
  readonly head: string;
  readonly method: string;
  readonly target: string;
  readonly body: Buffer;
  field(name: string): string | undefined;
}

export type Script = (socket: Socket, request: RawRequest, count: number) => void | Promise<void>;

export interface RawEngine {
  readonly port: number;
  readonly url: string;
  readonly requests: readonly RawRequest[];
  readonly sockets: ReadonlySet<Socket>;
  /** Connections that were ever made. */
  readonly connections: number;
  /** Resolves when as many requests have come. */
  arrived(count: number): Promise<void>;
  /** Resolves when no connection is open. */
  deserted(): Promise<void>;
  setScript(script: Script): void;
  close(): Promise<void>;
}

/** An answer of one piece with its length. */
export function answer(body: string | Buffer, type = 'application/json', status = '200 OK', more = ''): Buffer {
  const bytes = Buffer.from(body);
  return Buffer.concat([Buffer.from(`HTTP/1.1 ${status}\r\nContent-Type: ${type}\r\n${more}Content-Length: ${bytes.length}\r\n\r\n`), bytes]);
}

export function chunk(payload: string | Buffer): Buffer {
  const bytes = Buffer.from(payload);
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);
}

export const sseHead = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n';
export const lastChunk = '0\r\n\r\n';

export async function startRawEngine(script: Script): Promise<RawEngine> {
  const requests: RawRequest[] = [];
  const sockets = new Set<Socket>();
  const waiters: { readonly count: number; readonly wake: () => void }[] = [];
  const desertedWaiters: (() => void)[] = [];
  let current = script;
  let connections = 0;

  const server: Server = createServer({ noDelay: true }, (socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => {
      sockets.delete(socket);
      if (sockets.size === 0) for (const wake of desertedWaiters.splice(0)) wake();
    });
    let pending = Buffer.alloc(0);
    let busy = false;
    const pump = async (): Promise<void> => {
      if (busy) return;
      busy = true;
      for (let taken = take(pending); taken !== undefined; taken = take(pending)) {
        pending = taken.rest;
        requests.push(taken.request);
        for (const w of waiters) if (requests.length >= w.count) w.wake();
        await current(socket, taken.request, requests.length);
      }
      busy = false;
    };
    socket.on('data', (bytes: Buffer) => {
      pending = Buffer.concat([pending, bytes]);
      void pump();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    url: `http://127.0.0.1:${address.port}`,
    requests,
    sockets,
    get connections() {
      return connections;
    },
    arrived: (count) => (requests.length >= count ? Promise.resolve() : new Promise((wake) => waiters.push({ count, wake }))),
    deserted: () => (sockets.size === 0 ? Promise.resolve() : new Promise((wake) => desertedWaiters.push(wake))),
    setScript: (next) => {
      current = next;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function take(bytes: Buffer): { readonly request: RawRequest; readonly rest: Buffer } | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const head = bytes.toString('latin1', 0, end);
  const field = (name: string): string | undefined => new RegExp(`^${name}:[ \\t]*(.*)$`, 'im').exec(head)?.[1]?.trim();
  const length = Number(field('content-length') ?? 0);
  const from = end + 4;
  if (bytes.length < from + length) return undefined;
  const [method = '', target = ''] = head.split(' ');
  return { request: { head, method, target, body: bytes.subarray(from, from + length), field }, rest: bytes.subarray(from + length) };
}
