/**
 * One attempt under way: its time-outs, its one silent retry, and the one ending that its sink is told.
 *
 *   connecting --> waiting (for the head) --> body --> over
 *
 * The silent retry: only where a *reused* connection closed before any byte of an answer, once, on a fresh one. An
 * engine that closes idle connections does this at any time, and nothing of the request was looked at.
 */
import type { Attempt, ChunkMap, EngineHead, Flight, UpstreamSink } from '../core/engine/upstream.ts';
import { EngineError, type ErrorCode } from '../core/errors.ts';
import type { EngineConnection } from './connection.ts';

export interface FlightOwner {
  nowMs(): number;
  /** A connection that carries nothing yet. */
  connect(attempt: Attempt, fresh: boolean): EngineConnection;
  over(flight: EngineFlight): void;
}

export class EngineFlight implements Flight {
  readonly #attempt: Attempt;
  readonly #sink: UpstreamSink;
  readonly #owner: FlightOwner;
  readonly #head: string;
  readonly bodyless: boolean;
  #connection: EngineConnection;
  #over = false;
  #answered = false;
  #headSeen = false;
  #retried = false;
  /** Monotonic; since when the present phase waits. */
  #sinceMs: number;

  constructor(attempt: Attempt, sink: UpstreamSink, head: string, owner: FlightOwner) {
    this.#attempt = attempt;
    this.#sink = sink;
    this.#owner = owner;
    this.#head = head;
    this.bodyless = attempt.method === 'HEAD';
    this.#sinceMs = owner.nowMs();
    this.#connection = owner.connect(attempt, false);
    this.#connection.carry(this, head, attempt.body, attempt.bodyLength);
  }

  abort(): void {
    if (this.#over) return;
    this.#leave();
    this.#connection.destroy();
  }

  resume(): void {
    if (this.#over) return;
    // The time that the client took is not the engine's.
    this.#sinceMs = this.#owner.nowMs();
    this.#connection.resume();
  }

  /** Asked by the sweep. */
  checkTime(nowMs: number): void {
    if (this.#over || this.#connection.paused) return;
    const waitedMs = nowMs - this.#sinceMs;
    const { connectTimeoutMs, firstByteTimeoutMs, idleTimeoutMs } = this.#attempt;
    if (!this.#connection.connected) {
      if (waitedMs >= connectTimeoutMs) this.#fail('ENGINE_CONNECT_FAILED', new Error('no connection in time'));
    } else if (!this.#headSeen) {
      if (waitedMs >= firstByteTimeoutMs) this.#fail('ENGINE_TIMEOUT', new Error('no answer in time'));
    } else if (waitedMs >= idleTimeoutMs) this.#fail('ENGINE_STALLED', new Error('no byte in time'));
  }

  // --- what the connection tells

  onConnected(): void {
    this.#sinceMs = this.#owner.nowMs();
  }

  onBytes(): void {
    this.#answered = true;
    // Interim answers do not put off the wait for the head.
    if (this.#headSeen) this.#sinceMs = this.#owner.nowMs();
  }

  onHead(head: EngineHead): void {
    this.#headSeen = true;
    this.#sinceMs = this.#owner.nowMs();
    this.#sink.head(head);
  }

  onData(buffer: Buffer, from: number, to: number): boolean {
    return this.#over || this.#sink.data(buffer, from, to);
  }

  onFramed(buffer: Buffer, from: number, to: number, chunks: ChunkMap): boolean {
    return this.#over || this.#sink.framed(buffer, from, to, chunks);
  }

  onEnd(): void {
    if (this.#over) return;
    this.#leave();
    this.#sink.end();
  }

  onProtocolError(reason: string): void {
    if (this.#over) return;
    this.#leave();
    // In mid-body the client has a part of the answer; a broken chunk is a cut like any other.
    this.#sink.failed(new EngineError('ENGINE_PROTOCOL', { cause: new Error(reason) }));
  }

  onClosed(headSeen: boolean, cause: Error | undefined): void {
    if (this.#over) return;
    if (!this.#connection.connected) return this.#fail('ENGINE_CONNECT_FAILED', cause);
    if (headSeen) return this.#fail('ENGINE_CUT', cause);
    if (this.#connection.reused && !this.#answered && !this.#retried) {
      this.#retried = true;
      this.#sinceMs = this.#owner.nowMs();
      this.#connection = this.#owner.connect(this.#attempt, true);
      this.#connection.carry(this, this.#head, this.#attempt.body, this.#attempt.bodyLength);
      return;
    }
    this.#fail('ENGINE_RESET', cause);
  }

  #fail(code: ErrorCode, cause: Error | undefined): void {
    this.#leave();
    this.#connection.destroy();
    this.#sink.failed(new EngineError(code, cause === undefined ? {} : { cause }));
  }

  #leave(): void {
    this.#over = true;
    this.#owner.over(this);
  }
}
