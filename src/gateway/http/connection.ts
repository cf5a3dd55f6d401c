/**
 * The state of one client connection: the peer as the pipeline's steps see it, and what the sweep checks once a second.
 */
import type { Socket } from 'node:net';
import type { ClientAddress } from '../../core/security/address-rules.ts';
import type { KeyView } from '../../core/security/api-key.ts';
import type { Snapshot } from '../../core/security/snapshot.ts';
import type { ConnectionEntry } from '../connection-table.ts';
import type { Exchange, Peer, Refusal } from '../exchange.ts';
import { HeadMemory } from './head-memory.ts';

export class Connection implements Peer {
  readonly socket: Socket;
  readonly address: ClientAddress;
  readonly secure: boolean;
  readonly entry: ConnectionEntry;
  readonly heads = new HeadMemory();
  goodHost: string | undefined;
  lastKey: KeyView | undefined;
  lastSnapshot: Snapshot | undefined;

  /** The exchange that runs. HTTP/1.1 allows one at a time. */
  current: Exchange | undefined;
  /** Pipelined requests that wait for the one before them. */
  waiting = 0;
  /** Called when the socket has sent what was written. */
  onDrain: (() => void) | undefined;
  /** Monotonic; since when written bytes wait for the client; 0 when none do. */
  stalledSinceMs = 0;
  /** Monotonic; since when a request head is expected (from the start of a new connection). */
  headSinceMs: number | undefined;
  #bytesAtRest = 0;
  #answered = 0;
  /** Value at the last sweep. */
  #seenAnswered = -1;
  #restsSinceMs = 0;
  /** Monotonic; when a connection that waits only for the client to close is destroyed; 0 when none. */
  deadlineMs = 0;
  /** The request body that is being read. */
  body: { refuse(refusal: Refusal): void; tick(): void } | undefined;
  /** The client closed its sending side while it waited for a response. */
  halfClosed = false;
  /** The parser failed on this connection: nothing more is read. */
  unreadable = false;

  constructor(socket: Socket, entry: ConnectionEntry, nowMs: number) {
    this.socket = socket;
    this.secure = 'encrypted' in socket;
    this.address = entry.address;
    this.entry = entry;
    this.headSinceMs = nowMs;
  }

  /** Ends it. A response that waits for the end of the turn goes out first. */
  destroy(): void {
    this.socket.uncork();
    this.socket.destroy();
  }

  /** No request has been read from it yet. */
  get isNew(): boolean {
    return this.#answered === 0 && this.current === undefined;
  }

  /** Called when a request was read and its response is over. */
  idle(): void {
    this.#bytesAtRest = this.socket.bytesRead;
    this.#answered += 1;
  }

  /**
   * How long the connection has been idle, in milliseconds. Only the sweep calls this, so no response needs a timer.
   */
  restedFor(nowMs: number): number {
    if (this.current !== undefined || this.#answered !== this.#seenAnswered) {
      this.#seenAnswered = this.#answered;
      this.#restsSinceMs = nowMs;
    }
    return nowMs - this.#restsSinceMs;
  }

  /**
   * How long the next head has been arriving, in milliseconds. The parser holds the bytes; only their number is known
   * here.
   */
  headTook(nowMs: number): number {
    if (this.current !== undefined || this.deadlineMs !== 0) return 0;
    if (this.headSinceMs === undefined) {
      if (this.socket.bytesRead <= this.#bytesAtRest) return 0;
      this.headSinceMs = nowMs;
    }
    return nowMs - this.headSinceMs;
  }
}
