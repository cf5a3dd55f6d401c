/**
 * A request body on its way in: counted, capped, held to a least rate, and paid for from the memory that all bodies share.
 */
import assert from 'node:assert/strict';
import type {
  ExhaustedCode,
  KeyHolding,
  KeyHoldings,
  UnfinishedBody,
} from '../../core/security/key-holdings.ts';
import type { BodySink, Refusal, RequestBody } from '../exchange.ts';
import type { Connection } from './connection.ts';
import type { BodyListener, HttpMessage } from './message.ts';
import { RateWindow } from './rate-window.ts';

/** What is the same for every body of a proxy. */
export interface BodyNeeds {
  readonly maxBodyBytes: number;
  readonly minBytesPerSecond: number;
  readonly holdings: KeyHoldings;
  /** The sink of what this connection reads threw; it is told nothing more. */
  readonly threw: (connection: Connection, error: unknown) => void;
}

const slowBody: Refusal = { code: 'REQUEST_TIMEOUT', rule: 'minBodyBytesPerSecond', close: true };

function exhausted(code: ExhaustedCode): Refusal {
  const rule = code === 'BODIES_EXHAUSTED' ? 'maxBufferedBytes' : 'maxStreams';
  return { code, rule, fields: ['retry-after', '1'] };
}

export class HttpBody implements RequestBody, BodyListener, UnfinishedBody {
  older: UnfinishedBody | undefined;
  newer: UnfinishedBody | undefined;
  readonly #message: HttpMessage;
  readonly #connection: Connection;
  readonly #needs: BodyNeeds;
  #sink: BodySink | undefined;
  #holding: KeyHolding | undefined;
  #rate: RateWindow | undefined;
  /** Bytes that came. */
  #read = 0;
  /** Bytes that are paid for. */
  #taken = 0;

  constructor(message: HttpMessage, connection: Connection, needs: BodyNeeds) {
    this.#message = message;
    this.#connection = connection;
    this.#needs = needs;
  }

  read(sink: BodySink): void {
    const message = this.#message;
    const connection = this.#connection;
    const holding = connection.current?.holding;
    assert(holding !== undefined, 'a body is read for a key that has a stream');
    if ((message.declaredBytes ?? 0) > this.#needs.maxBodyBytes) return sink.failed(this.#tooLarge());
    if (message.expectsContinue) message.sendContinue();
    connection.body = this;
    this.#sink = sink;
    this.#holding = holding;
    this.#needs.holdings.beginBody(holding, this);
    message.receive(this);
  }

  data(chunk: Buffer): void {
    const holding = this.#holding;
    // The exchange is over; what still comes is nobody's.
    if (this.#sink === undefined || holding === undefined) return;
    this.#read += chunk.length;
    if (this.#read > this.#needs.maxBodyBytes) return this.refuse(this.#tooLarge());
    if (!this.#needs.holdings.takeBytes(holding, this, chunk.length))
      return this.refuse(exhausted('BODIES_EXHAUSTED'));
    this.#taken += chunk.length;
    // Giving up another body may have started a request that made this one give up, too.
    if (this.#sink === undefined) return this.release();
    let refusal: Refusal | undefined;
    try {
      refusal = this.#sink.chunk(chunk);
    } catch (error) {
      this.#leave();
      this.#needs.threw(this.#connection, error);
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

  /** One second went by in which this body could be read. */
  tick(): void {
    this.#rate ??= new RateWindow(this.#needs.minBytesPerSecond);
    if (this.#rate.isTooSlow(this.#read)) this.refuse(slowBody);
  }

  /** It is too much, too slow, or no body at all. */
  refuse(refusal: Refusal): void {
    const sink = this.#sink;
    this.#leave();
    this.#message.receive(undefined);
    sink?.failed(refusal);
  }

  giveUp(code: ExhaustedCode): void {
    try {
      this.refuse(exhausted(code));
    } catch (error) {
      this.#needs.threw(this.#connection, error);
    }
  }

  /** The exchange is over: what was read is nobody's any more. */
  release(): void {
    this.#leave();
    if (this.#holding === undefined) return;
    this.#needs.holdings.giveBackBytes(this.#holding, this.#taken);
    this.#taken = 0;
  }

  #leave(): void {
    if (this.#sink === undefined || this.#holding === undefined) return;
    this.#sink = undefined;
    this.#connection.body = undefined;
    this.#needs.holdings.endBody(this.#holding, this);
  }

  #tooLarge(): Refusal {
    return { code: 'BODY_TOO_LARGE', params: { limit: this.#needs.maxBodyBytes }, rule: 'maxBodyBytes' };
  }
}
