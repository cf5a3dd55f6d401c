/**
 * One running request to an engine: its timeouts, its one silent retry, and exactly one end notification to its
 * handler.
 *
 *   connecting --> waiting (for the head) --> body --> over
 *
 * The silent retry happens once, on a fresh connection, and only if a *reused* connection closed before any byte of a
 * response, within a short time. An engine may close idle connections at any time, and such a close crosses a request
 * within one round trip. A later close may mean that the request crashed the engine. A failure after the retry is never
 * `never-sent`, so that such a request does not go on to crash the next engine. The retry on another engine is decided by
 * `mayTryNext` in `gateway/attempt.ts`.
 */
import type { EngineAddress } from '../core/engine/engine.ts';
import type {
  Attempt,
  ChunkMap,
  EngineHead,
  InFlightRequest,
  ResponseHandler,
} from '../core/engine/upstream.ts';
import { EngineError, type ErrorCode } from '../core/errors.ts';
import type { ConnectionUser, EngineConnection } from './connection.ts';
import type { RequestMessage } from './request-message.ts';

export interface InFlightOwner {
  nowMs(): number;
  /** Returns a connection that is not busy; a fresh one never carried a request. Throws if the address is invalid. */
  connect(to: EngineAddress, fresh: boolean): EngineConnection;
  onOver(inFlightRequest: InFlightEngineRequest): void;
  /** Reports a programming error of the sink; the error is already handled here. */
  onHandlerError(error: unknown): void;
}

/** Far longer than a round trip to any engine, far shorter than a model takes to load or to run out of memory. */
const idleRaceMs = 2_000;

export class InFlightEngineRequest implements InFlightRequest, ConnectionUser {
  readonly method: string;
  /** The position in its owner's list. */
  place = -1;
  readonly #to: EngineAddress;
  readonly #connectTimeoutMs: number;
  readonly #firstByteTimeoutMs: number;
  readonly #idleTimeoutMs: number;
  readonly #sink: ResponseHandler;
  readonly #owner: InFlightOwner;
  /** Kept for the retry, until the first byte of a response: bodies may be large and responses long. */
  #message: RequestMessage | undefined;
  #connection: EngineConnection | undefined;
  #over = false;
  #headSeen = false;
  #retried = false;
  /** Whether bytes arrived since the last sweep. Streams read no clock for each event; the sweep does so for them. */
  #progress = false;
  /** Monotonic; the start of the wait in the present phase, as of the last sweep. */
  #sinceMs: number;

  constructor(attempt: Attempt, message: RequestMessage, sink: ResponseHandler, owner: InFlightOwner) {
    this.method = attempt.method;
    this.#to = attempt.to;
    this.#connectTimeoutMs = attempt.connectTimeoutMs;
    this.#firstByteTimeoutMs = attempt.firstByteTimeoutMs;
    this.#idleTimeoutMs = attempt.idleTimeoutMs;
    this.#message = message;
    this.#sink = sink;
    this.#owner = owner;
    this.#sinceMs = owner.nowMs();
    this.#start(message, false);
  }

  get reached(): boolean {
    return this.#connection?.connected === true;
  }

  get sent(): boolean {
    return this.#connection?.sent === true;
  }

  abort(): void {
    if (this.#over) return;
    this.#leave();
    this.#connection?.destroy();
  }

  resume(): void {
    if (this.#over || this.#connection?.paused !== true) return;
    // Time that the client used up does not count against the engine.
    this.#progress = true;
    this.#connection.resume();
  }

  /** Called by the sweep. */
  checkTime(nowMs: number): void {
    const connection = this.#connection;
    if (connection === undefined || connection.paused) return;
    if (this.#progress) {
      this.#progress = false;
      this.#sinceMs = nowMs;
      return;
    }
    const waitedMs = nowMs - this.#sinceMs;
    if (!connection.connected) {
      if (waitedMs >= this.#connectTimeoutMs) this.#failConnect(new Error('no connection in time'));
    } else if (!this.#headSeen) {
      if (waitedMs >= this.#firstByteTimeoutMs) this.#fail('ENGINE_TIMEOUT', new Error('no answer in time'));
    } else if (waitedMs >= this.#idleTimeoutMs) this.#fail('ENGINE_STALLED', new Error('no byte in time'));
  }

  // --- events of the connection

  onConnected(): void {
    this.#progress = true;
  }

  onBytes(): void {
    this.#message = undefined;
    // Interim responses do not extend the timeout for the head.
    if (this.#headSeen) this.#progress = true;
  }

  onHead(head: EngineHead): void {
    this.#headSeen = true;
    this.#progress = true;
    try {
      this.#sink.head(head);
    } catch (error) {
      this.#giveUp(error);
    }
  }

  onData(buffer: Buffer, from: number, to: number): boolean {
    try {
      return this.#sink.data(buffer, from, to);
    } catch (error) {
      this.#giveUp(error);
      return true;
    }
  }

  onFramed(buffer: Buffer, from: number, to: number, chunks: ChunkMap): boolean {
    try {
      return this.#sink.framed(buffer, from, to, chunks);
    } catch (error) {
      this.#giveUp(error);
      return true;
    }
  }

  onEnd(): void {
    if (this.#over) return;
    this.#leave();
    try {
      this.#sink.end();
    } catch (error) {
      this.#crashed(error);
    }
  }

  onInvalid(fault: string): void {
    this.#fail('ENGINE_PROTOCOL', new Error(`the engine's answer ${fault}`));
  }

  onClosed(headSeen: boolean, cause: Error | undefined): void {
    if (this.#over) return;
    if (this.#connection?.connected !== true) return this.#failConnect(cause);
    if (headSeen) return this.#fail('ENGINE_CUT', cause);
    const crossed = this.#owner.nowMs() - this.#sinceMs <= idleRaceMs;
    if (this.#connection.reused && this.#message !== undefined && !this.#retried && crossed) {
      this.#retried = true;
      this.#sinceMs = this.#owner.nowMs();
      return this.#start(this.#message, true);
    }
    this.#fail('ENGINE_RESET', cause);
  }

  #start(message: RequestMessage, fresh: boolean): void {
    try {
      this.#connection = this.#owner.connect(this.#to, fresh);
    } catch (error) {
      // Not from inside send: its caller has no in-flight request yet.
      this.#connection = undefined;
      process.nextTick(() => this.#failConnect(error));
      return;
    }
    this.#connection.carry(this, message);
  }

  #failConnect(cause: unknown): void {
    this.#fail(this.#retried ? 'ENGINE_RESET' : 'ENGINE_CONNECT_FAILED', cause);
  }

  #fail(code: ErrorCode, cause: unknown): void {
    if (this.#over) return;
    this.#leave();
    this.#connection?.destroy();
    try {
      this.#sink.failed(new EngineError(code, { cause }));
    } catch (error) {
      this.#crashed(error);
    }
  }

  #giveUp(error: unknown): void {
    this.abort();
    this.#crashed(error);
  }

  #crashed(error: unknown): void {
    this.#owner.onHandlerError(error);
    try {
      this.#sink.crashed?.();
    } catch (another) {
      this.#owner.onHandlerError(another);
    }
  }

  #leave(): void {
    this.#over = true;
    this.#message = undefined;
    this.#owner.onOver(this);
  }
}
