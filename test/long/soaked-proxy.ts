/**
 * The real proxy in a process of its own, whose heap alone is measured, before an engine that is as lean as can be.
 */
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { makeCli } from '../helpers/cli.ts';
import { createKey, runProxyWith } from '../helpers/start-proxy.ts';

export interface Memory {
  /** After a collection. */
  readonly heapUsed: number;
  readonly arrayBuffers: number;
  readonly rss: number;
}

export interface SoakedProxy {
  readonly port: number;
  readonly key: string;
  readonly engine: LeanEngine;
  memory(): Promise<Memory>;
  /** The most that the process ever held at once, in bytes; undefined where the system does not tell. */
  peakBytes(): number | undefined;
}

export async function startSoakedProxy(t: TestContext, respond: Respond): Promise<SoakedProxy> {
  const cli = makeCli(t);
  const { key } = await createKey(cli, 'soak');
  const engine = await LeanEngine.start(respond);
  const tap = join(cli.folder, 'tap.sock');
  t.after(() => engine.close());
  const { port, child } = await runProxyWith(t, cli, {
    nodeOptions: ['--expose-gc', '--import', join(import.meta.dirname, 'heap-tap.ts')],
    env: { FLM_SOAK_TAP: tap },
    flags: ['--engine', `http://127.0.0.1:${engine.port}`],
  });
  return {
    port,
    key,
    engine,
    memory: async () => {
      const socket = connect(tap);
      let text = '';
      socket.setEncoding('utf8').on('data', (piece: string) => (text += piece));
      await once(socket, 'close');
      return JSON.parse(text) as Memory;
    },
    peakBytes: () => {
      const status = `/proc/${child.pid}/status`;
      if (!existsSync(status)) return undefined;
      const found = /VmHWM:\s*(\d+) kB/.exec(readFileSync(status, 'utf8'));
      return found === null ? undefined : Number(found[1]) * 1024;
    },
  };
}

/** Answers one request of a connection; it may go on writing after it has returned. */
export type Respond = (socket: Socket, request: string) => void | Promise<void>;

const models = '{"object":"list","data":[{"id":"m","object":"model","created":1,"owned_by":"soak"}]}';

/** Requests are short and come one at a time, so the end of the bytes is the end of a request. */
export class LeanEngine {
  readonly #server: Server;
  readonly sockets = new Set<Socket>();
  readonly port: number;

  private constructor(server: Server, port: number, respond: Respond) {
    this.#server = server;
    this.port = port;
    server.on('connection', (socket: Socket) => {
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
      socket.on('error', () => {});
      let text = '';
      socket.setEncoding('latin1').on('data', (piece: string) => {
        text += piece;
        if (!text.endsWith('}') && !text.endsWith('\r\n\r\n')) return;
        if (text.endsWith('\r\n\r\n') && !text.startsWith('GET ')) return;
        const request = text;
        text = '';
        if (request.startsWith('POST ')) void respond(socket, request);
        else if (request.startsWith('GET /v1/models ')) socket.write(answerOf(models));
        else socket.write('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n');
      });
    });
  }

  static async start(respond: Respond): Promise<LeanEngine> {
    const server = createServer({ noDelay: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return new LeanEngine(server, address.port, respond);
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

export function answerOf(body: string): string {
  return `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}
