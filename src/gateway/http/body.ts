/**
 * A request body on its way in: counted, capped, paid for from one budget for all bodies in memory.
 */
import type { BodySink, Refusal, RequestBody } from '../exchange.ts';
import type { Connection } from './connection.ts';
import type { BodyListener, HttpMessage } from './message.ts';

/** Memory that all bodies together may take. Whoever reads a body gives back what it took when the exchange is over. */
export class BodyBudget {
  readonly #limit: number;
  #used = 0;

  constructor(limitBytes: number) {
    this.#limit = limitBytes;
  }

  take(bytes: number): boolean {
    if (this.#used + bytes > this.#limit) return false;
    this.#used += bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#used -= bytes;
  }

  get used(): number {
    return this.#used;
  }
}

/** What is the same for every body of a proxy. */
export interface BodyNeeds {
  readonly maxBodyBytes: number;
  readonly budget: BodyBudget;
  readonly nowMs: () => number;
  /** The sink of what this connection reads threw; it is told nothing more. */
  readonly threw: (connection: Connection, error: unknown) => void;
}

export class HttpBody implements RequestBody, BodyListener {
  readonly #message: HttpMessage;
  readonly #connection: Connection;
  readonly #needs: BodyNeeds;
  #sink: BodySink | undefined;
  #taken = 0;

  constructor(message: HttpMessage, connection: Connection, needs: BodyNeeds) {
    this.#message = message;
    this.#connection = connection;
    this.#needs = needs;
  }

  read(sink: BodySink): void {
    const message = this.#message;
    const connection = this.#connection;
    if ((message.declaredBytes ?? 0) > this.#needs.maxBodyBytes) return sink.failed(this.#tooLarge());
    if (message.expectsContinue) message.sendContinue();
    connection.bodySinceMs = this.#needs.nowMs();
    connection.bodyBytes = 0;
    connection.body = this;
    this.#sink = sink;
    message.receive(this);
  }

  data(chunk: Buffer): void {
    // The exchange is over; what still comes is nobody's.
    if (this.#sink === undefined) return;
    const connection = this.#connection;
    connection.bodyBytes += chunk.length;
    if (connection.bodyBytes > this.#needs.maxBodyBytes) return this.refuse(this.#tooLarge());
    if (!this.#needs.budget.take(chunk.length)) {
      return this.refuse({
        code: 'BODIES_EXHAUSTED',
        rule: 'maxBufferedBytes',
        fields: ['retry-after', '1'],
      });
    }
    this.#taken += chunk.length;
    let refusal: Refusal | undefined;
    try {
      refusal = this.#sink.chunk(chunk);
    } catch (error) {
      this.#leave();
      this.#needs.threw(connection, error);
    }
    if (refusal !== undefined) this.refuse(refusal);
  }

  end(): void {
    const sink = this.#sink;
    this.#leave();
    try {
      sink?.end();
    } catch (error) {
      this.#needs.threw(this.#connection, error);
    }
  }

  /** It is too much, too slow, or no body at all. */
  refuse(refusal: Refusal): void {
    const sink = this.#sink;
    this.#leave();
    this.#message.receive(undefined);
    sink?.failed(refusal);
  }

  /** The exchange is over: what was read is nobody's any more. */
  release(): void {
    if (this.#sink !== undefined) this.#leave();
    this.#needs.budget.giveBack(this.#taken);
    this.#taken = 0;
  }

  #leave(): void {
    this.#sink = undefined;
    this.#connection.bodySinceMs = 0;
    this.#connection.body = undefined;
  }

  #tooLarge(): Refusal {
    return { code: 'BODY_TOO_LARGE', params: { limit: this.#needs.maxBodyBytes }, rule: 'maxBodyBytes' };
  }
}
