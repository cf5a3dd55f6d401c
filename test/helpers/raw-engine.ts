/**
 * An engine that sends exact bytes: it records every byte of each request and follows a script. It refuses, stalls,
 * trickles, resets anywhere, closes half, lies about lengths, breaks chunks, answers early or twice. The script sees
 * one request at a time; a connection may carry several, and stays open unless a step ends it.
 */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { createServer as createTlsServer } from 'node:tls';

export interface RawRequest {
  /** Request line and fields as received, without the empty line. */
  readonly head: string;
  readonly method: string;
  readonly target: string;
  readonly body: Buffer;
  field(name: string): string | undefined;
}

/** Bytes to write (a string is Latin-1), or an action on the connection. */
export type Step = string | Buffer | ((socket: Socket) => void | Promise<void>);
export type Steps = readonly Step[];

/**
 * The reaction to a request: steps, or a function that performs or returns steps. `count` is 1 for the first request.
 */
export type Script =
  | Steps
  | ((socket: Socket, request: RawRequest, count: number) => Steps | void | Promise<Steps> | Promise<void>);

export interface RawEngineOptions {
  readonly host?: string;
  /** Listens on a Unix socket in place of a port. */
  readonly socketPath?: string;
  readonly tls?: { readonly key: string; readonly cert: string };
  /** The script runs as soon as the head has arrived; the body contains only the bytes received with the head. */
  readonly early?: boolean;
}

export interface RawEngine {
  readonly port: number;
  readonly url: string;
  readonly requests: readonly RawRequest[];
  readonly sockets: ReadonlySet<Socket>;
  /** The number of connections made so far. */
  readonly connections: number;
  /** Resolves when this many requests have arrived. */
  arrived(count: number): Promise<void>;
  /** Resolves when no connection is open. */
  deserted(): Promise<void>;
  setScript(script: Script): void;
  /** Ends every connection and refuses new ones, until `listenAgain`. */
  refuse(): Promise<void>;
  listenAgain(): Promise<void>;
  close(): Promise<void>;
}

// --- answers

/** A complete response with a content-length. */
export function answer(
  body: string | Buffer,
  type = 'application/json',
  status = '200 OK',
  more = '',
): Buffer {
  const bytes = Buffer.from(body);
  const head = `HTTP/1.1 ${status}\r\nContent-Type: ${type}\r\n${more}Content-Length: ${bytes.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), bytes]);
}

export function chunk(payload: string | Buffer): Buffer {
  const bytes = Buffer.from(payload);
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);
}

export const sseHead =
  'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n';
export const lastChunk = '0\r\n\r\n';

// --- steps

/** Writes a few bytes at a time, each in its own packet. */
export function trickle(bytes: string | Buffer, size = 1): Step {
  const all = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
  return async (socket) => {
    for (let at = 0; at < all.length && !socket.destroyed; at += size) {
      socket.write(all.subarray(at, at + size));
      await setImmediate();
    }
  };
}

/** Continues when the promise resolves. */
export function hold(until: Promise<unknown>): Step {
  return async () => {
    await until;
  };
}

export const reset: Step = (socket) => void socket.resetAndDestroy();
export const close: Step = (socket) => void socket.destroySoon();
/** Closes the writing side and continues to read. */
export const halfClose: Step = (socket) => void socket.end();

// --- the server

export async function startRawEngine(script: Script, options: RawEngineOptions = {}): Promise<RawEngine> {
  const requests: RawRequest[] = [];
  const sockets = new Set<Socket>();
  const waiters: { readonly count: number; readonly wake: () => void }[] = [];
  const desertedWaiters: (() => void)[] = [];
  let current = script;
  let connections = 0;

  const accept = (socket: Socket): void => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => {});
    // When a client closes its side, this side closes too. Only steps leave a connection half open.
    socket.on('end', () => socket.end());
    socket.on('close', () => {
      sockets.delete(socket);
      if (sockets.size === 0) for (const wake of desertedWaiters.splice(0)) wake();
    });
    const reader = new RequestReader(options.early === true);
    let busy = false;
    const pump = async (): Promise<void> => {
      if (busy) return;
      busy = true;
      for (let request = reader.next(); request !== undefined; request = reader.next()) {
        requests.push(request);
        for (const w of waiters) if (requests.length >= w.count) w.wake();
        const steps =
          typeof current === 'function' ? await current(socket, request, requests.length) : current;
        for (const step of steps ?? []) {
          if (socket.destroyed) break;
          if (typeof step === 'function') await step(socket);
          else socket.write(typeof step === 'string' ? Buffer.from(step, 'latin1') : step);
        }
      }
      busy = false;
    };
    socket.on('data', (bytes: Buffer) => {
      reader.add(bytes);
      void pump();
    });
  };
  const server: Server =
    options.tls === undefined
      ? createServer({ noDelay: true, allowHalfOpen: true }, accept)
      : // Half open, it would keep connections whose handshake the client broke off.
        createTlsServer({ ...options.tls, noDelay: true }, accept);
  // A handshake that the client aborts is ignored.
  server.on('tlsClientError', () => {});
  if (options.socketPath === undefined) server.listen(0, options.host ?? '127.0.0.1');
  else server.listen(options.socketPath);
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const stop = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  };
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    requests,
    sockets,
    get connections() {
      return connections;
    },
    arrived: (count) =>
      requests.length >= count
        ? Promise.resolve()
        : new Promise((wake) => {
            waiters.push({ count, wake });
          }),
    deserted: () =>
      sockets.size === 0
        ? Promise.resolve()
        : new Promise((wake) => {
            desertedWaiters.push(wake);
          }),
    setScript: (next) => {
      current = next;
    },
    refuse: stop,
    listenAgain: async () => {
      server.listen(port, options.host ?? '127.0.0.1');
      await once(server, 'listening');
    },
    close: stop,
  };
}

class RequestReader {
  readonly #early: boolean;
  #parts: Buffer[] = [];
  #size = 0;
  /** As many bytes make it worth another look. */
  #wanted = 1;

  constructor(early: boolean) {
    this.#early = early;
  }

  add(bytes: Buffer): void {
    this.#parts.push(bytes);
    this.#size += bytes.length;
  }

  next(): RawRequest | undefined {
    if (this.#size < this.#wanted) return undefined;
    const bytes = Buffer.concat(this.#parts);
    this.#parts = [bytes];
    const headEnd = bytes.indexOf('\r\n\r\n');
    if (headEnd < 0) return undefined;
    const head = bytes.toString('latin1', 0, headEnd);
    const field = (name: string): string | undefined =>
      new RegExp(`^${name}:[ \\t]*(.*)$`, 'im').exec(head)?.[1]?.trim();
    const from = headEnd + 4;
    const to = this.#early ? bytes.length : from + Number(field('content-length') ?? 0);
    this.#wanted = to;
    if (bytes.length < to) return undefined;
    this.#wanted = 1;
    this.#parts = [bytes.subarray(to)];
    this.#size = bytes.length - to;
    const [method = '', target = ''] = head.split(' ');
    return { head, method, target, body: bytes.subarray(from, to), field };
  }
}
