/**
 * A `ServerLink` to Valkey or Redis over two connections: one for scripts, one for messages. When one of them ends, both
 * do. A server that leaves a script without an answer for half a second counts as lost: a request must not wait for it.
 *
 * The client of the package neither reconnects nor repeats commands: after a reconnect, only the owner of the link knows
 * what must be told again.
 */
import { createHash } from 'node:crypto';
import { Redis, type RedisOptions } from 'iovalkey';
import type { Clock, Unsubscribe } from '../core/clock.ts';
import type { ValkeyAddress } from '../core/store-settings.ts';
import { allChannel, nodeChannel, routingKey, type ScriptName, scriptNames, scriptText } from './scripts.ts';
import type { Argument, Reply, ServerLink, ServerListener } from './server-link.ts';

const connectMs = 2_000;
export const answerMs = 500;
const lookMs = 100;
const pingEveryLooks = 10;
const firstPauseMs = 100;
const longestPauseMs = 2_000;

export interface RedisLinkOptions {
  readonly address: Pick<
    ValkeyAddress,
    'host' | 'port' | 'socket' | 'user' | 'password' | 'security' | 'database'
  >;
  /** The certificates of the CA to trust; absent: those that Node trusts. */
  readonly ca?: string | undefined;
  readonly clock: Clock;
  /** How long an answer may take; a slow machine of tests needs more. */
  readonly answerMs?: number;
  /** An expression of Lua that sets `now`. Tests replace the server's time. */
  readonly time?: string;
}

interface Connections {
  readonly scripts: Redis;
  readonly messages: Redis;
}

export class RedisLink implements ServerLink {
  readonly #options: RedisLinkOptions;
  readonly #texts: readonly (readonly [ScriptName, string])[];
  readonly #digests: ReadonlyMap<ScriptName, string>;
  #base = '';
  #listener: ServerListener | undefined;
  /** Undefined until everything is ready. */
  #ready: Connections | undefined;
  #opening: Connections | undefined;
  #pauseMs = firstPauseMs;
  #cancelAgain: Unsubscribe = () => {};
  #cancelLooks: Unsubscribe = () => {};
  /** When each open script was sent; the oldest is first. */
  readonly #sentAtMs = new Set<{ readonly atMs: number }>();
  #lastLookMs = 0;
  #looks = 0;
  #closed = false;

  constructor(options: RedisLinkOptions) {
    this.#options = options;
    this.#texts = scriptNames.map((name) => [name, scriptText(name, options.time)]);
    this.#digests = new Map(
      this.#texts.map(([name, text]) => [name, createHash('sha1').update(text).digest('hex')]),
    );
  }

  open(base: string, listener: ServerListener): void {
    const { clock } = this.#options;
    this.#base = base;
    this.#listener = listener;
    this.#lastLookMs = clock.monotonicMs();
    this.#cancelLooks = clock.every(lookMs, () => this.#look());
    void this.#connect();
  }

  async call(script: ScriptName, args: readonly Argument[]): Promise<Reply> {
    const connections = this.#ready;
    if (connections === undefined) throw new Error('there is no connection');
    const sent = { atMs: this.#options.clock.monotonicMs() };
    this.#sentAtMs.add(sent);
    try {
      const digest = this.#digests.get(script) ?? '';
      // The scripts return flat arrays of texts and numbers.
      return (await connections.scripts.evalsha(digest, 1, routingKey, ...args)) as Reply;
    } catch (error) {
      // A server that has lost the scripts, or is no longer the primary.
      this.#end(connections, textOf(error));
      throw error;
    } finally {
      this.#sentAtMs.delete(sent);
    }
  }

  close(): void {
    this.#closed = true;
    this.#cancelAgain();
    this.#cancelLooks();
    const connections = this.#ready ?? this.#opening;
    this.#ready = undefined;
    this.#opening = undefined;
    connections?.scripts.disconnect();
    connections?.messages.disconnect();
  }

  async #connect(): Promise<void> {
    const made: Connections = { scripts: new Redis(this.#settings()), messages: new Redis(this.#settings()) };
    this.#opening = made;
    for (const client of [made.scripts, made.messages]) {
      client.on('error', (error) => {
        // The package handles the first error of a socket, and TLS may report another one after a failed handshake.
        client.stream.on('error', () => {});
        this.#end(made, textOf(error));
      });
      client.on('end', () => this.#end(made, 'the connection was closed'));
    }
    made.messages.on('message', (_channel, text) => {
      if (this.#ready === made) this.#listener?.message(text);
    });
    // A server that accepts a connection may say nothing on it.
    const cancel = this.#options.clock.after(connectMs, () => {
      if (this.#opening === made) this.#end(made, `no connection within ${connectMs} ms`);
    });
    try {
      await Promise.all([made.scripts.connect(), made.messages.connect()]);
      await made.messages.subscribe(allChannel, nodeChannel(this.#base));
      await Promise.all(this.#texts.map(([, text]) => made.scripts.script('LOAD', text)));
    } catch (error) {
      return this.#end(made, textOf(error));
    } finally {
      cancel();
    }
    if (this.#opening !== made) return;
    this.#opening = undefined;
    this.#ready = made;
    this.#pauseMs = firstPauseMs;
    this.#listener?.up();
  }

  #end(connections: Connections, problem: string): void {
    if (this.#ready !== connections && this.#opening !== connections) return;
    this.#ready = undefined;
    this.#opening = undefined;
    this.#sentAtMs.clear();
    connections.scripts.disconnect();
    connections.messages.disconnect();
    if (this.#closed) return;
    this.#cancelAgain();
    this.#cancelAgain = this.#options.clock.after(this.#pauseMs, () => void this.#connect());
    this.#pauseMs = Math.min(this.#pauseMs * 2, longestPauseMs);
    this.#listener?.down(problem);
  }

  #look(): void {
    const nowMs = this.#options.clock.monotonicMs();
    const late = nowMs - this.#lastLookMs > 3 * lookMs;
    this.#lastLookMs = nowMs;
    // This process itself was stopped or busy: the answers may be waiting to be read.
    if (late) return;
    this.#looks += 1;
    if (this.#looks % pingEveryLooks === 0) void this.#ping();
    const limitMs = this.#options.answerMs ?? answerMs;
    for (const { atMs } of this.#sentAtMs) {
      if (nowMs - atMs >= limitMs && this.#ready !== undefined)
        this.#end(this.#ready, `it did not answer within ${limitMs} ms`);
      return;
    }
  }

  /** A connection that is only read does not notice that the network is gone. */
  async #ping(): Promise<void> {
    const connections = this.#ready;
    if (connections === undefined) return;
    const sent = { atMs: this.#options.clock.monotonicMs() };
    this.#sentAtMs.add(sent);
    try {
      await connections.messages.ping();
    } catch (error) {
      this.#end(connections, textOf(error));
    }
    this.#sentAtMs.delete(sent);
  }

  #settings(): RedisOptions {
    const { address, ca } = this.#options;
    const { host, port, socket, user, password, security, database } = address;
    return {
      ...(socket === undefined ? { host, port } : { path: socket }),
      ...(user === undefined ? {} : { username: user }),
      ...(password === undefined ? {} : { password }),
      ...(security === 'none'
        ? {}
        : { tls: { rejectUnauthorized: true, ...(ca === undefined ? {} : { ca }) } }),
      db: database,
      connectTimeout: connectMs,
      lazyConnect: true,
      enableOfflineQueue: false,
      autoResubscribe: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      retryStrategy: () => null,
      connectionName: 'flm',
    };
  }
}

/** Messages of the package and of servers hold neither addresses with passwords nor passwords. */
function textOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n', 1)[0]?.slice(0, 200) ?? '';
}
