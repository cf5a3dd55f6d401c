/**
 * A wire tap: a TCP relay between flm and a real engine that records every byte of both directions and changes none. A
 * test can compare the bytes that a client received with those that the engine sent.
 *
 *   client ── flm ── tap ── engine
 *
 * flm connects to the tap, so an engine that refuses connections looks like one that closes them immediately.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { parseResponse, type WireResponse } from './test-gateway.ts';

/** One request on the wire, and its response. */
export interface Exchanged {
  readonly method: string;
  readonly target: string;
  /** Request line and fields as they came, without the empty line. */
  readonly head: string;
  readonly body: Buffer;
  /** Undefined where no head came; not whole where the connection ended in the middle of it. */
  readonly response: WireResponse | undefined;
  field(name: string): string | undefined;
}

export interface Tap {
  readonly url: string;
  /** All requests in order of arrival, including flm's own probes. */
  exchanges(): readonly Exchanged[];
  /** How many connections came, with or without a request. */
  readonly connections: number;
  /** The last request of this method and target, without its query. */
  last(method: string, path: string): Exchanged;
  /** Keeps back what engines send once something that holds this text has passed, until it is let go. */
  holdAfter(text: string): void;
  letGo(): void;
  close(): Promise<void>;
}

type Asked = Omit<Exchanged, 'response'>;

/** One connection. */
interface Line {
  readonly client: Socket;
  readonly engine: Socket;
  /** The bytes that the engine sent on it. */
  readonly answered: Buffer[];
  ended: boolean;
}

/** A request is the `index`th of its line. */
interface Place {
  readonly asked: Asked;
  readonly line: Line;
  readonly index: number;
}

/** `port` is the engine's, on this machine. */
export async function openTap(port: number): Promise<Tap> {
  const lines: Line[] = [];
  const places: Place[] = [];
  let trigger: string | undefined;
  let held = false;
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    const engine = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    const line: Line = { client, engine, answered: [], ended: false };
    lines.push(line);
    let unread: Buffer = Buffer.alloc(0);
    let index = 0;
    client.on('data', (bytes: Buffer) => {
      unread = Buffer.concat([unread, bytes]);
      for (let read = readRequest(unread); read !== undefined; read = readRequest(unread)) {
        unread = unread.subarray(read.size);
        places.push({ asked: read.asked, line, index });
        index += 1;
      }
    });
    engine.on('data', (bytes: Buffer) => line.answered.push(bytes));
    engine.on('close', () => {
      line.ended = true;
    });
    pass(client, engine, () => true);
    engine.on('data', (bytes: Buffer) => {
      if (trigger !== undefined && bytes.includes(trigger)) held = true;
      if (held) engine.pause();
    });
    pass(engine, client, () => !held);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const whole = (place: Place): Exchanged => ({ ...place.asked, response: responseAt(place) });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    exchanges: () => places.map(whole),
    get connections() {
      return lines.length;
    },
    last(method, path) {
      const found = places.findLast(
        ({ asked }) => asked.method === method && asked.target.split('?')[0] === path,
      );
      assert(found !== undefined, `nothing was asked for ${method} ${path}`);
      return whole(found);
    },
    holdAfter(text) {
      trigger = text;
    },
    letGo() {
      trigger = undefined;
      held = false;
      for (const { engine } of lines) engine.resume();
    },
    async close() {
      for (const { client, engine } of lines) {
        client.destroy();
        engine.destroy();
      }
      server.close();
      await once(server, 'close');
    },
  };
}

/** Ends, resets and a full socket are passed on like bytes. */
function pass(from: Socket, to: Socket, mayFlow: () => boolean): void {
  from.on('data', (bytes: Buffer) => {
    if (!to.write(bytes)) from.pause();
  });
  to.on('drain', () => {
    if (mayFlow()) from.resume();
  });
  from.on('end', () => to.end());
  from.on('error', () => to.resetAndDestroy());
  from.on('close', () => to.destroySoon());
}

/** Undefined while bytes are missing. */
function readRequest(bytes: Buffer): { readonly asked: Asked; readonly size: number } | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const head = bytes.toString('latin1', 0, headEnd);
  const field = (name: string): string | undefined =>
    new RegExp(`^${name}:[ \\t]*(.*)$`, 'im').exec(head)?.[1]?.trim();
  // flm always sends a content-length.
  const size = headEnd + 4 + Number(field('content-length') ?? 0);
  if (bytes.length < size) return undefined;
  const [method = '', target = ''] = head.split(' ');
  return { asked: { method, target, head, body: bytes.subarray(headEnd + 4, size), field }, size };
}

function responseAt({ line, index }: Place): WireResponse | undefined {
  let unread: Buffer = Buffer.concat(line.answered);
  for (let i = 0; ; i++) {
    const response = parseResponse(unread, line.ended);
    if (i === index || response === undefined) return response;
    unread = unread.subarray(response.size);
  }
}
