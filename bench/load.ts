/**
 * The load: clients of one target that stay connected over many rounds, like a connection pool.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTls, createSecureContext } from 'node:tls';
import { Client } from './client.ts';

/** The destination of requests: the engine itself, or a proxy in front of it. */
export interface TargetAddress {
  readonly port: number;
  /** One key for each client. If there are fewer keys, clients share them. */
  readonly keys: readonly string[];
  /** Over HTTPS: the certificate of its CA, as PEM. */
  readonly authority?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** `/v1/chat/completions` if absent. */
  readonly path?: string;
  /** `bench` if absent. */
  readonly model?: string;
}

export interface Target extends TargetAddress {
  readonly name: string;
  /** The last bytes of a complete reply; those of the engine if absent. */
  readonly tails?: Tails;
}

interface Tails {
  readonly json: Buffer;
  readonly stream: Buffer;
}

export interface StreamShape {
  readonly events: number;
  /** `burst`: the events of all streams at the same moment. `spread`: one after another. `slow`: one event a second. */
  readonly pace: 'burst' | 'spread' | 'slow';
}

const engineTails: Tails = {
  json: Buffer.from('"total_tokens":250}}'),
  stream: Buffer.from('data: [DONE]\n\n\r\n0\r\n\r\n'),
};

function request(
  { headers = {}, path = '/v1/chat/completions', model = 'bench' }: TargetAddress,
  key: string,
  parts: Readonly<Record<string, unknown>>,
  bodyBytes = 1024,
): string {
  const start = JSON.stringify({ model, ...parts, messages: [{ role: 'user', content: '' }] });
  const text = 'word '.repeat(Math.ceil(bodyBytes / 5)).slice(0, bodyBytes - start.length);
  const body = start.replace('"content":""', `"content":"${text}"`);
  const more = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  // The headers that an SDK sends.
  return (
    `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n` +
    `Content-Type: application/json\r\nUser-Agent: OpenAI/JS 7.57.0\r\nX-Stainless-Lang: js\r\n` +
    'X-Stainless-Package-Version: 7.57.0\r\nX-Stainless-OS: Linux\r\nX-Stainless-Arch: x64\r\n' +
    `X-Stainless-Runtime: node\r\nX-Stainless-Runtime-Version: v26.10.0\r\nX-Stainless-Retry-Count: 0\r\n` +
    `${more.join('')}Authorization: Bearer ${key}\r\nConnection: keep-alive\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  );
}

export class Clients {
  readonly #target: Target;
  readonly #tails: Tails;
  readonly #clients: Client[];

  private constructor(target: Target, clients: Client[]) {
    this.#target = target;
    this.#tails = target.tails ?? engineTails;
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
  json(total: number, bodyBytes?: number): Promise<number> {
    const begunMs = performance.now();
    let sent = 0;
    let done = 0;
    return new Promise((resolve, reject) => {
      for (const [i, client] of this.#clients.entries()) {
        const text = this.#jsonRequest(i, bodyBytes);
        const next = (): void => {
          if (sent < total) {
            sent += 1;
            client.send(text, this.#tails.json, whole, reject);
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

  /**
   * Sends JSON requests at a fixed rate, no matter how fast the responses come. Resolves with the milliseconds of each
   * request, from the moment at which it was due: a request that waits for a free client has waited too.
   */
  openLoop(perSecond: number, seconds: number): Promise<Float64Array> {
    const total = Math.round(perSecond * seconds);
    const tookMs = new Float64Array(total);
    const texts = this.#clients.map((_, i) => this.#jsonRequest(i));
    const idle = this.#clients.map((_, i) => i);
    const everyMs = 1000 / perSecond;
    const begunMs = performance.now() + 5;
    let due = 0;
    let done = 0;
    return new Promise((resolve, reject) => {
      const pump = (): void => {
        const nowMs = performance.now();
        while (due < total && begunMs + due * everyMs <= nowMs) {
          const which = idle.pop();
          if (which === undefined) return;
          const at = due++;
          const whole = (): void => {
            tookMs[at] = performance.now() - begunMs - at * everyMs;
            idle.push(which);
            done += 1;
            if (done === total) {
              clearInterval(timer);
              resolve(tookMs);
            } else pump();
          };
          this.#clients[which]!.send(texts[which]!, this.#tails.json, whole, reject);
        }
      };
      const timer = setInterval(pump, 1);
    });
  }

  /** Runs one stream for each client. Resolves with the seconds until the last stream ended. */
  async streams(shape: StreamShape): Promise<number> {
    const begunMs = performance.now();
    await Promise.all(
      this.#clients.map(
        (client, i) =>
          new Promise<void>((resolve, reject) =>
            client.send(this.#streamRequest(i, shape), this.#tails.stream, resolve, reject),
          ),
      ),
    );
    const seconds = (performance.now() - begunMs) / 1000;
    // A gateway may end a stream early, and its last bytes are the same then.
    for (const { receivedBytes } of this.#clients)
      assert(receivedBytes > shape.events * 120, `${this.#target.name} left events out`);
    return seconds;
  }

  /** Adds clients, each with a stream of one event a second. Resolves when each stream had its first byte. */
  async openStreams(count: number): Promise<void> {
    const shape = { events: 1_000_000, pace: 'slow' } as const;
    // A few at a time, as arrivals are in practice.
    for (let left = count; left > 0; left -= 50) {
      await Promise.all(
        Array.from({ length: Math.min(50, left) }, async () => {
          const client = await Client.open(this.#target);
          const i = this.#clients.push(client) - 1;
          await new Promise<void>((resolve, reject) =>
            client.send(this.#streamRequest(i, shape), this.#tails.stream, () => {}, reject, resolve),
          );
        }),
      );
    }
  }

  /**
   * Resolves with the milliseconds from a stream's request to the first byte of the response. Uses only the first
   * client.
   */
  async firstByteMs(): Promise<number> {
    const client = this.#clients[0];
    assert(client !== undefined);
    const text = this.#streamRequest(0, { events: 1, pace: 'spread' });
    const sentMs = performance.now();
    let firstByteAtMs = sentMs;
    await new Promise<void>((resolve, reject) =>
      client.send(text, this.#tails.stream, resolve, reject, () => {
        firstByteAtMs = performance.now();
      }),
    );
    return firstByteAtMs - sentMs;
  }

  /** Opens connections that make a handshake and close, 16 at a time. Resolves with the seconds that this took. */
  async handshakes(total: number, resumed: boolean): Promise<number> {
    const { port, authority } = this.#target;
    assert(authority !== undefined, `${this.#target.name} does not speak TLS`);
    const secureContext = createSecureContext({ ca: authority, ecdhCurve: keyExchange });
    const options = { ...tlsOptions, port, secureContext };
    const session = resumed ? await this.#session(options) : undefined;
    const begunMs = performance.now();
    let left = total;
    const work = async (): Promise<void> => {
      while (left-- > 0) {
        const socket = connectTls({ ...options, ...(session === undefined ? {} : { session }) });
        await once(socket, 'secureConnect');
        assert.equal(socket.isSessionReused(), resumed);
        assert.equal(socket.getProtocol(), 'TLSv1.3');
        const exchange = socket.getEphemeralKeyInfo();
        assert(exchange !== null && 'name' in exchange && exchange.name === keyExchange);
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

  /**
   * Returns a session for later handshakes to resume. In TLS 1.3 the server sends it with the first bytes after the
   * handshake.
   */
  async #session(options: object): Promise<Buffer> {
    const socket = connectTls(options);
    const given = once(socket, 'session');
    socket.write(this.#jsonRequest(0), 'latin1');
    socket.resume();
    const [session] = (await given) as [Buffer];
    socket.destroy();
    return session;
  }

  #jsonRequest(i: number, bodyBytes?: number): string {
    return request(this.#target, this.#key(i), { max_tokens: 50 }, bodyBytes);
  }

  #streamRequest(i: number, { events, pace }: StreamShape): string {
    return request(this.#target, this.#key(i), { max_tokens: events, stream: true, user: pace });
  }

  #key(i: number): string {
    // A prime spreads the clients over all keys: with many keys, a few clients do not all have the first ones.
    const { keys } = this.#target;
    return keys[(i * 7919) % keys.length] ?? '';
  }
}

/** A group that all peers have: a client that offers a post-quantum group gets it from some of them, at a higher cost. */
const keyExchange = 'X25519';

const tlsOptions = { host: '127.0.0.1', servername: 'localhost', ALPNProtocols: ['http/1.1'] };
