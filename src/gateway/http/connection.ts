/**
 * What flm knows of one client connection: the peer as the steps see it, and what the once-a-second sweep looks at.
 */
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { ClientAddress } from '../../core/security/address-rules.ts';
import type { KeyView } from '../../core/security/api-key.ts';
import type { Snapshot } from '../../core/security/snapshot.ts';
import type { ConnectionEntry } from '../connection-table.ts';
import type { Exchange, Peer, Refusal } from '../exchange.ts';

export class Connection implements Peer {
  readonly socket: Socket;
  readonly address: ClientAddress;
  readonly secure: boolean;
  readonly entry: ConnectionEntry;
  goodHost: string | undefined;
  lastKey: KeyView | undefined;
  lastSnapshot: Snapshot | undefined;

  /** The exchange that is being answered; HTTP/1.1 answers one at a time. */
  current: Exchange | undefined;
  /** Pipelined requests that wait for their turn. */
  waiting = 0;
  /** Called when the socket took what was written. */
  onDrain: (() => void) | undefined;
  /** Monotonic; since when written bytes wait for the client; 0 when none do. */
  stalledSinceMs = 0;
  /** Monotonic; since when the head of a request is on its way (a new connection owes one). */
  headSinceMs: number | undefined;
  #bytesAtRest = 0;
  #answered = 0;
  /** As the sweep found it last. */
  #seenAnswered = -1;
  #restsSinceMs = 0;
  /** Monotonic; when a connection that only waits for its other end is given up; 0 when none. */
  deadlineMs = 0;
  /** The request body that is being read. */
  body: { refuse(refusal: Refusal): void; tick(): void } | undefined;
  /** The client said that it will send no more, while it waited for an answer. */
  halfClosed = false;
  /** The parser gave up on it: nothing more will be read. */
  unreadable = false;

  constructor(socket: Socket, entry: ConnectionEntry, nowMs: number) {
    this.socket = socket;
    this.secure = socket instanceof TLSSocket;
    this.address = entry.address;
    this.entry = entry;
    this.headSinceMs = nowMs;
  }

  /** Everything that was asked is answered and read. */
  idle(): void {
    this.#bytesAtRest = this.socket.bytesRead;
    this.#answered += 1;
  }

  /** For how many sweeps, in time, nothing was asked on it. Asked by the sweep alone: no timer is set for each answer. */
  restedFor(nowMs: number): number {
    if (this.current !== undefined || this.#answered !== this.#seenAnswered) {
      this.#seenAnswered = this.#answered;
      this.#restsSinceMs = nowMs;
    }
    return nowMs - this.#restsSinceMs;
  }

  /** How long the next head has been on its way; the parser has the bytes, so that they came is all that is seen. */
  headTook(nowMs: number): number {
    if (this.current !== undefined || this.deadlineMs !== 0) return 0;
    if (this.headSinceMs === undefined) {
      if (this.socket.bytesRead <= this.#bytesAtRest) return 0;
      this.headSinceMs = nowMs;
    }
    return nowMs - this.headSinceMs;
  }
}
