/**
 * An engine whose every response is written in its request: the field `user` holds the script. So each client knows every
 * byte that it must receive, and a fault hits only the client that asked for it.
 *
 *   json                      a whole response
 *   stream EVENTS PACE_MS     a stream; a pace of 0 sends all events at once
 *   bulk EVENTS               a stream of large events, for readers that are slow
 *   cut BASE AT WAY           the bytes of `json` or of a stream up to AT, then a reset, a close, silence or garbage
 */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { chunk, lastChunk, sseHead } from '../../helpers/raw-engine.ts';

export const cutWays = ['reset', 'close', 'stall', 'garbage'] as const;
export type CutWay = (typeof cutWays)[number];
/** `open`: a stream that ends with its connection. */
export const cutBases = ['json', 'stream', 'open'] as const;
export type CutBase = (typeof cutBases)[number];

/** The usage of every response. */
export const usageTokens = { input: 5, output: 2 } as const;
const usage = `"usage":{"prompt_tokens":${usageTokens.input},"completion_tokens":${usageTokens.output},"total_tokens":7}`;
const done = 'data: [DONE]\n\n';
/** Events in a stream that is cut. */
const cutEvents = 3;

/** The body of a response without a stream. */
export const jsonBody = `{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],${usage}}`;

/** The bodies of streams, event by event. */
export function streamEvents(events: number, fill = ''): readonly string[] {
  const text = (n: number, finish: string | null, more = ''): string =>
    `data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"<${n}>${fill}"},"finish_reason":${JSON.stringify(finish)}}]${more}}\n\n`;
  return Array.from({ length: events }, (_, n) =>
    n === events - 1 ? text(n, 'stop', `,${usage}`) : text(n, null),
  ).concat(done);
}

const bulkFill = 'bulk é😀 '.repeat(1_500);

/** The body that a client of this script must receive. */
export function expectedBody(script: string): string {
  const [verb = '', first = ''] = script.split(' ');
  if (verb === 'json' || first === 'json') return jsonBody;
  if (verb === 'bulk') return streamEvents(Number(first), bulkFill).join('');
  return streamEvents(verb === 'cut' ? cutEvents : Number(first)).join('');
}

const jsonHead = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(jsonBody)}\r\n\r\n`;
const wholes: Readonly<Record<CutBase, Buffer>> = {
  json: Buffer.from(jsonHead + jsonBody),
  stream: Buffer.concat([
    Buffer.from(sseHead),
    ...streamEvents(cutEvents).map((event) => chunk(event)),
    Buffer.from(lastChunk),
  ]),
  open: Buffer.from(
    `HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n${streamEvents(cutEvents).join('')}`,
  ),
};
const garbage = Buffer.from([0x00, 0xff, 0x00]);

/**
 * Whether this text is a stream that ended with its connection where its engine may end it: behind an event with its
 * finish reason, or behind `[DONE]`, with or without the blank line. Nobody can see what should have followed.
 */
export function mayEndHere(script: string, text: string): boolean {
  if (!script.startsWith('cut open')) return false;
  const whole = expectedBody(script);
  const ends = [whole.slice(0, -done.length), whole].flatMap((end) => [
    end,
    end.slice(0, -1),
    end.slice(0, -2),
  ]);
  return ends.includes(text);
}

/** How many bytes this response has, its head and framing included. */
export const cutLength = (base: CutBase): number => wholes[base].length;

/** Whether the response is another one with garbage at this byte, and not that response with a fault. */
export const isAnotherResponse = (base: CutBase, at: number, way: CutWay): boolean =>
  way === 'garbage' && (base === 'open' || (base === 'json' && at >= cutLength(base) - garbage.length));

export class ScriptedEngine {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #model: string;
  #port = 0;

  private constructor(model: string) {
    this.#model = model;
    this.#server = createServer({ noDelay: true }, (socket) => this.#serve(socket));
  }

  static async start(model: string): Promise<ScriptedEngine> {
    const engine = new ScriptedEngine(model);
    await engine.listen();
    return engine;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get port(): number {
    return this.#port;
  }

  /** On the port that it had before, if it had one. */
  async listen(): Promise<void> {
    await once(this.#server.listen(this.#port, '127.0.0.1', 4_096), 'listening');
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    this.#port = address.port;
  }

  /** Ends all connections and refuses new ones. */
  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.resetAndDestroy();
    await closed;
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => {});
    let bytes: Buffer = Buffer.alloc(0);
    socket.on('data', (more: Buffer) => {
      bytes = bytes.length === 0 ? more : Buffer.concat([bytes, more]);
      const end = bytes.indexOf('\r\n\r\n');
      if (end < 0) return;
      const head = bytes.toString('latin1', 0, end);
      const length = Number(/^content-length: *(\d+)$/im.exec(head)?.[1] ?? 0);
      // Requests of one connection come one after the other, never two at once.
      if (bytes.length < end + 4 + length) return;
      const body = bytes.toString('utf8', end + 4, end + 4 + length);
      bytes = Buffer.alloc(0);
      void this.#respond(socket, head, body);
    });
  }

  async #respond(socket: Socket, head: string, body: string): Promise<void> {
    if (!head.startsWith('POST ')) {
      const models = `{"object":"list","data":[{"id":"${this.#model}","object":"model","created":1,"owned_by":"soak"}]}`;
      const found = head.startsWith('GET /v1/models ');
      const text = found ? models : '{}';
      socket.write(
        `HTTP/1.1 ${found ? '200 OK' : '404 Not Found'}\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n${text}`,
      );
      return;
    }
    const { user: script } = JSON.parse(body) as { user: string };
    const [verb, first = '', second = '', third = ''] = script.split(' ');
    if (verb === 'json') socket.write(wholes.json);
    else if (verb === 'stream') await stream(socket, streamEvents(Number(first)), Number(second));
    else if (verb === 'bulk') await stream(socket, streamEvents(Number(first), bulkFill), 0);
    else cut(socket, wholes[first as CutBase].subarray(0, Number(second)), third as CutWay);
  }
}

async function stream(socket: Socket, events: readonly string[], paceMs: number): Promise<void> {
  socket.write(sseHead);
  if (paceMs === 0) {
    for (const event of events) {
      if (socket.destroyed) return;
      if (!socket.write(chunk(event)) && !(await drained(socket))) return;
    }
    socket.write(lastChunk);
    return;
  }
  let next = 0;
  const timer = setInterval(() => {
    if (socket.destroyed) return clearInterval(timer);
    const event = events[next++];
    if (event !== undefined) return void socket.write(chunk(event));
    socket.write(lastChunk);
    clearInterval(timer);
  }, paceMs);
}

/** False if the connection ended before. */
function drained(socket: Socket): Promise<boolean> {
  return new Promise((resolve) => {
    const over = (isDrained: boolean): void => {
      socket.off('drain', onDrain).off('close', onClose);
      resolve(isDrained);
    };
    const onDrain = (): void => over(true);
    const onClose = (): void => over(false);
    socket.on('drain', onDrain).on('close', onClose);
  });
}

function cut(socket: Socket, bytes: Buffer, way: CutWay): void {
  const end = (): void => {
    if (way === 'reset') socket.resetAndDestroy();
    else if (way === 'close') socket.destroySoon();
    else if (way === 'garbage') socket.end(garbage);
  };
  if (bytes.length === 0) end();
  // A reset discards what the other side has not read yet, so it comes a little later than the bytes.
  else socket.write(bytes, () => (way === 'reset' ? setImmediate(end) : end()));
}
