/**
 * Clients with the lowest CPU cost that Node allows: keep-alive connections that send the next request as soon as the
 * response has ended.
 *
 * Replies are not parsed: a reply is complete when it ends like the engine's reply, and good when it begins with status
 * 200. `checkReplies` checks one complete reply of each kind beforehand, so that the measured replies are known to be
 * correct.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request as plainRequest } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, type SecureContext } from 'node:tls';

/** The destination of requests: the engine itself, or a proxy in front of it. */
export interface Target {
  readonly name: string;
  readonly port: number;
  /** One key for each client. If there are fewer keys, clients share them. */
  readonly keys: readonly string[];
  /** Over HTTPS: the certificate of its CA, as PEM. */
  readonly authority?: string;
}

export interface StreamShape {
  readonly events: number;
  /** The engine sends the events of all streams at the same moment. */
  readonly burst: boolean;
}

const jsonTail = Buffer.from('"total_tokens":250}}');
const streamTail = Buffer.from('data: [DONE]\n\n\r\n0\r\n\r\n');
const statusOk = Buffer.from('HTTP/1.1 200');

/** The read buffer of all connections: its bytes are consumed in the call that delivers them. */
const space = Buffer.allocUnsafeSlow(256 * 1024);

/** One keep-alive connection with one request at a time. */
class Client {
  readonly #socket: Socket;
  readonly #tailBytes = Buffer.alloc(32);
  #tailLength = 0;
  #tail: Buffer = jsonTail;
  #fresh = true;
  #onWhole: () => void = () => {};
  #onFailed: (error: Error) => void = () => {};
  /** When the first byte of the last response arrived. */
  firstByteAtMs = 0;

  private constructor(
    { port, authority }: Target,
    connected: (client: Client) => void,
    failed: (error: Error) => void,
  ) {
    this.#onFailed = failed;
    const options = {
      host: '127.0.0.1',
      port,
      noDelay: true,
      onread: {
        buffer: space,
        callback: (length: number): boolean => {
          this.#read(length);
          return true;
        },
      },
    };
    this.#socket =
      authority === undefined
        ? connect(options)
        : connectTls({ ...options, ca: authority, servername: 'localhost', ALPNProtocols: ['http/1.1'] });
    this.#socket.once(authority === undefined ? 'connect' : 'secureConnect', () => connected(this));
    this.#socket.on('error', (error) => this.#onFailed(error));
    this.#socket.on('close', () => this.#onFailed(new Error('the connection was closed')));
  }

  static open(target: Target): Promise<Client> {
    return new Promise((resolve, reject) => new Client(target, resolve, reject));
  }

  send(request: string, tail: Buffer, whole: () => void, failed: (error: Error) => void): void {
    this.#fresh = true;
    this.#tailLength = 0;
    this.#tail = tail;
    this.#onWhole = whole;
    this.#onFailed = failed;
    this.#socket.write(request, 'latin1');
  }

  close(): void {
    this.#onFailed = () => {};
    this.#socket.destroy();
  }

  #read(length: number): void {
    if (this.#fresh) {
      this.#fresh = false;
      this.firstByteAtMs = performance.now();
      if (length < statusOk.length || space.compare(statusOk, 0, 12, 0, 12) !== 0) {
        return this.#onFailed(
          new Error(`not a reply of status 200: ${space.toString('latin1', 0, Math.min(length, 500))}`),
        );
      }
    }
    const wanted = this.#tail.length;
    if (length >= wanted) {
      if (space.compare(this.#tail, 0, wanted, length - wanted, length) === 0) return this.#onWhole();
      this.#tailLength = space.copy(this.#tailBytes, 0, length - wanted, length);
      return;
    }
    // The end may be split over several reads.
    const joined = Buffer.concat([this.#tailBytes.subarray(0, this.#tailLength), space.subarray(0, length)]);
    if (joined.length >= wanted && joined.subarray(-wanted).equals(this.#tail)) return this.#onWhole();
    this.#tailLength = joined.copy(this.#tailBytes, 0, Math.max(0, joined.length - wanted));
  }
}

function request(key: string, parts: Readonly<Record<string, unknown>>): string {
  const start = JSON.stringify({ model: 'bench', ...parts, messages: [{ role: 'user', content: '' }] });
  const body = start.replace(
    '"content":""',
    `"content":"${'word '.repeat(205).slice(0, 1024 - start.length)}"`,
  );
  // The headers that an SDK sends.
  return (
    'POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n' +
    `Content-Type: application/json\r\nUser-Agent: OpenAI/JS 7.57.0\r\nX-Stainless-Lang: js\r\n` +
    'X-Stainless-Package-Version: 7.57.0\r\nX-Stainless-OS: Linux\r\nX-Stainless-Arch: x64\r\n' +
    `X-Stainless-Runtime: node\r\nX-Stainless-Runtime-Version: v26.10.0\r\nX-Stainless-Retry-Count: 0\r\n` +
    `Authorization: Bearer ${key}\r\nConnection: keep-alive\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  );
}

const jsonRequest = (key: string): string => request(key, { max_tokens: 50 });
const streamRequest = (key: string, shape: StreamShape): string =>
  request(key, { max_tokens: shape.events, stream: true, user: shape.burst ? 'burst' : 'spread' });

/** Clients of one target that stay connected over many rounds, like a connection pool. */
export class Clients {
  readonly #target: Target;
  readonly #clients: readonly Client[];

  private constructor(target: Target, clients: readonly Client[]) {
    this.#target = target;
    this.#clients = clients;
  }

  static async open(target: Target, count: number): Promise<Clients> {
    const clients: Client[] = [];
    for (let i = 0; i < count; i++) clients.push(await Client.open(target));
    return new Clients(target, clients);
  }

  /**
   * Sends `total` JSON requests. Each client sends its next request after the response. Resolves with the seconds that
   * this took.
   */
  json(total: number): Promise<number> {
    const begunMs = performance.now();
    let sent = 0;
    let done = 0;
    return new Promise((resolve, reject) => {
      for (const [i, client] of this.#clients.entries()) {
        const text = jsonRequest(this.#key(i));
        const next = (): void => {
          if (sent < total) {
            sent += 1;
            client.send(text, jsonTail, whole, reject);
          } else if (done === total) resolve((performance.now() - begunMs) / 1000);
        };
        const whole = (): void => {
          done += 1;
          next();
        };
        next();
      }
    });
  }

  /** Runs one stream for each client. Resolves with the seconds until the last stream ended. */
  async streams(shape: StreamShape): Promise<number> {
    const begunMs = performance.now();
    await Promise.all(
      this.#clients.map(
        (client, i) =>
          new Promise<void>((resolve, reject) =>
            client.send(streamRequest(this.#key(i), shape), streamTail, resolve, reject),
          ),
      ),
    );
    return (performance.now() - begunMs) / 1000;
  }

  /**
   * Resolves with the milliseconds from a stream's request to the first byte of the response. Uses only the first
   * client.
   */
  async firstByteMs(): Promise<number> {
    const client = this.#clients[0];
    assert(client !== undefined);
    const sentMs = performance.now();
    await new Promise<void>((resolve, reject) =>
      client.send(streamRequest(this.#key(0), { events: 1, burst: false }), streamTail, resolve, reject),
    );
    return client.firstByteAtMs - sentMs;
  }

  /** Opens connections that make a handshake and close, 16 at a time. Resolves with the seconds that this took. */
  async handshakes(total: number, resumed: boolean): Promise<number> {
    const { port, authority } = this.#target;
    assert(authority !== undefined, `${this.#target.name} does not speak TLS`);
    const secureContext = createSecureContext({ ca: authority });
    const session = resumed ? await sessionOf(port, secureContext, this.#key(0)) : undefined;
    const begunMs = performance.now();
    let left = total;
    const work = async (): Promise<void> => {
      while (left-- > 0) {
        const socket = connectTls({
          ...tlsOptions,
          port,
          secureContext,
          ...(session === undefined ? {} : { session }),
        });
        await once(socket, 'secureConnect');
        assert.equal(socket.isSessionReused(), resumed);
        assert.equal(socket.getProtocol(), 'TLSv1.3');
        socket.end();
        socket.resume();
        await once(socket, 'close');
      }
    };
    await Promise.all(Array.from({ length: 16 }, work));
    return (performance.now() - begunMs) / 1000;
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }

  #key(i: number): string {
    // Spreads the clients over all keys: with many keys, a few clients do not all have the first ones.
    const { keys } = this.#target;
    return keys[Math.floor((i * keys.length) / this.#clients.length) % keys.length] ?? '';
  }
}

const tlsOptions = { host: '127.0.0.1', servername: 'localhost', ALPNProtocols: ['http/1.1'] };

/**
 * Returns a session for later handshakes to resume. In TLS 1.3 the server sends it with the first bytes after the
 * handshake.
 */
async function sessionOf(port: number, secureContext: SecureContext, key: string): Promise<Buffer> {
  const socket = connectTls({ ...tlsOptions, port, secureContext });
  const given = once(socket, 'session');
  socket.write(jsonRequest(key), 'latin1');
  socket.resume();
  const [session] = (await given) as [Buffer];
  socket.destroy();
  return session;
}

/** Checks one complete reply of each kind. Throws if a reply differs from the engine's. */
export async function checkReplies(target: Target): Promise<void> {
  const ask = async (
    body: object,
  ): Promise<{ readonly status: number | undefined; readonly text: string }> => {
    const send = target.authority === undefined ? plainRequest : tlsRequest;
    const sent = send({
      host: '127.0.0.1',
      port: target.port,
      path: '/v1/chat/completions',
      method: 'POST',
      agent: false,
      headers: { 'content-type': 'application/json', authorization: `Bearer ${target.keys[0] ?? ''}` },
      ...(target.authority === undefined ? {} : { ca: target.authority }),
    });
    sent.end(JSON.stringify({ model: 'bench', ...body, messages: [] }));
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    return { status: response.statusCode, text: Buffer.concat(await response.toArray()).toString() };
  };
  const { status, text } = await ask({});
  assert.equal(status, 200, `${target.name} answers ${text}`);
  assert.ok(text.length > 450 && text.endsWith(jsonTail.toString()), `${target.name} changed the answer`);
  const stream = await ask({ stream: true, max_tokens: 7, user: 'burst' });
  const events = stream.text.split('\n\n');
  assert.equal(events.length, 9, `${target.name} changed the stream`);
  assert.equal(events[7], 'data: [DONE]');
}
