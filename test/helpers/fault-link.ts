/**
 * A TCP link between a node and a store, whose faults a test switches on and off: delay, loss, reset, refusal. Bytes are
 * never reordered, and a connection that lost bytes never carries bytes again: `pass()` resets it, as a network that
 * comes back makes peers find out. The link ends with its test.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface FaultLink {
  /** The port on 127.0.0.1 that leads to the target. */
  readonly port: number;
  /** Connections that are open now. */
  readonly openConnections: number;
  /** Connections that were accepted since the start, the refused ones included. */
  readonly acceptedConnections: number;
  /** Open connections that lost bytes. */
  readonly lostConnections: number;
  /** Passes bytes at once. Connections that lost bytes are reset; delayed bytes keep their delay. */
  pass(): void;
  /** Passes each piece, and each end, after this time, in order. New connections are delayed by it as well. */
  delay(ms: number): void;
  /** Loses all bytes in both directions; connections stay open and new ones are accepted. */
  blackhole(): void;
  /** The target gets every request, but its replies are lost: a commit whose confirmation never arrives. */
  dropReplies(): void;
  /** Resets all open connections, and every new one at once. */
  refuse(): void;
  /** Resets all open connections once. New ones are treated as before. */
  reset(): void;
  /** Resets all connections and stops listening. */
  close(): Promise<void>;
}

type Mode = 'pass' | 'blackhole' | 'drop replies' | 'refuse';

/** Bytes that wait in one direction before the sender is paused. */
const maxWaitingBytes = 1024 * 1024;

export async function startFaultLink(targetPort: number): Promise<FaultLink> {
  let mode: Mode = 'pass';
  let delayMs = 0;
  let acceptedConnections = 0;
  const pairs = new Set<Pair>();
  const loses = (direction: Direction): boolean =>
    mode === 'blackhole' || (mode === 'drop replies' && direction === 'reply');

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    acceptedConnections += 1;
    if (mode === 'refuse') {
      client.on('error', ignoreReset);
      client.resetAndDestroy();
      return;
    }
    const pair = new Pair(
      client,
      connect({ port: targetPort, host: '127.0.0.1', allowHalfOpen: true, noDelay: true }),
      { loses, delayMs: () => delayMs },
    );
    pairs.add(pair);
    pair.onEnd = () => pairs.delete(pair);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');

  const resetAll = (): void => {
    for (const pair of [...pairs]) pair.reset();
  };
  return {
    port: address.port,
    get openConnections() {
      return pairs.size;
    },
    get lostConnections() {
      return [...pairs].filter((pair) => pair.hasLost).length;
    },
    get acceptedConnections() {
      return acceptedConnections;
    },
    pass() {
      mode = 'pass';
      delayMs = 0;
      for (const pair of [...pairs]) if (pair.hasLost) pair.reset();
    },
    delay(ms) {
      mode = 'pass';
      delayMs = ms;
      for (const pair of [...pairs]) if (pair.hasLost) pair.reset();
    },
    blackhole() {
      mode = 'blackhole';
    },
    dropReplies() {
      mode = 'drop replies';
    },
    refuse() {
      mode = 'refuse';
      resetAll();
    },
    reset: resetAll,
    async close() {
      mode = 'refuse';
      resetAll();
      if (!server.listening) return;
      await once(server.close(), 'close');
    },
  };
}

type Direction = 'request' | 'reply';

interface LinkState {
  loses(direction: Direction): boolean;
  delayMs(): number;
}

/** The two sockets of one connection through the link. */
class Pair {
  onEnd: () => void = () => {};
  readonly #client: Socket;
  readonly #target: Socket;
  readonly #requests: OneWay;
  readonly #replies: OneWay;

  constructor(client: Socket, target: Socket, state: LinkState) {
    this.#client = client;
    this.#target = target;
    this.#requests = new OneWay(client, target, 'request', state);
    this.#replies = new OneWay(target, client, 'reply', state);
    for (const socket of [client, target]) {
      socket.on('error', ignoreReset);
      socket.on('close', () => this.#closed(socket));
    }
  }

  get hasLost(): boolean {
    return this.#requests.hasLost || this.#replies.hasLost;
  }

  reset(): void {
    for (const socket of [this.#client, this.#target]) {
      if (socket.connecting) socket.destroy();
      else socket.resetAndDestroy();
    }
  }

  #closed(socket: Socket): void {
    const other = socket === this.#client ? this.#target : this.#client;
    if (socket.errored !== null && !other.destroyed) this.reset();
    if (!this.#client.destroyed || !this.#target.destroyed) return;
    this.#requests.end();
    this.#replies.end();
    this.onEnd();
  }
}

interface Waiting {
  readonly dueMs: number;
  readonly bytes: number;
  readonly send: () => void;
}

/** One direction of a connection: pieces in their order, each sent when it is due. */
class OneWay {
  hasLost = false;
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #direction: Direction;
  readonly #state: LinkState;
  readonly #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(from: Socket, to: Socket, direction: Direction, state: LinkState) {
    this.#from = from;
    this.#to = to;
    this.#direction = direction;
    this.#state = state;
    from.on('data', (chunk: Buffer) => this.#take(chunk.length, () => to.write(chunk)));
    from.on('end', () => this.#take(0, () => to.end()));
    to.on('drain', () => this.#flow());
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#waiting.length = 0;
  }

  #take(bytes: number, send: () => void): void {
    if (this.hasLost || this.#state.loses(this.#direction)) {
      this.hasLost = true;
      return;
    }
    const dueMs = performance.now() + this.#state.delayMs();
    this.#waiting.push({ dueMs: Math.max(dueMs, this.#waiting.at(-1)?.dueMs ?? 0), bytes, send });
    this.#waitingBytes += bytes;
    this.#sendDue();
  }

  #sendDue(): void {
    clearTimeout(this.#timer);
    for (;;) {
      const next = this.#waiting[0];
      if (next === undefined) break;
      const waitMs = next.dueMs - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#sendDue(), Math.ceil(waitMs));
        break;
      }
      this.#waiting.shift();
      this.#waitingBytes -= next.bytes;
      if (!this.#to.destroyed) next.send();
    }
    this.#flow();
  }

  #flow(): void {
    if (this.#waitingBytes > maxWaitingBytes || this.#to.writableNeedDrain) this.#from.pause();
    else this.#from.resume();
  }
}

function ignoreReset(): void {
  // Resets are what a test of faults expects; 'close' follows and ends the pair.
}
