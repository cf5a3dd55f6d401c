/**
 * A request body on its way in: counted, capped, held to a least rate, decoded, and paid for from the memory that all
 * bodies share. Of a coded body both its bytes that wait for the decoder and the decoded ones are paid for.
 */

import assert from 'node:assert/strict';
import { rule } from '../../core/rules.ts';
import type {
  ExhaustedCode,
  KeyHolding,
  KeyHoldings,
  UnfinishedBody,
} from '../../core/security/key-holdings.ts';
import type { BodySink, Refusal, RequestBody } from '../exchange.ts';
import { BodyDecoder, codingOf, type DecodedListener, unknownCoding } from './body-decoder.ts';
import type { Connection } from './connection.ts';
import type { BodyListener, HttpMessage } from './message.ts';
import { RateWindow } from './rate-window.ts';

/** What is the same for every body of a proxy. */
export interface BodyDeps {
  readonly maxBodyBytes: number;
  readonly minBytesPerSecond: number;
  readonly holdings: KeyHoldings;
  /** The refusal of a body threw. */
  readonly onError: (connection: Connection, error: unknown) => void;
}

const slowBody: Refusal = { code: 'REQUEST_TIMEOUT', rule: rule('min-body-rate'), close: true };

function exhausted(code: ExhaustedCode): Refusal {
  const limit = code === 'BODIES_EXHAUSTED' ? 'max-buffered-bytes' : 'max-streams';
  return { code, rule: rule(limit), fields: ['retry-after', '1'] };
}

export class HttpBody implements RequestBody, BodyListener, UnfinishedBody, DecodedListener {
  older: UnfinishedBody | undefined;
  newer: UnfinishedBody | undefined;
  readonly #message: HttpMessage;
  readonly #connection: Connection;
  readonly #deps: BodyDeps;
  #sink: BodySink | undefined;
  #holding: KeyHolding | undefined;
  #rate: RateWindow | undefined;
  /** Undefined where the body has no content coding. */
  #decoder: BodyDecoder | undefined;
  /** Bytes that came. */
  #read = 0;
  /** Bytes of the body without its coding. */
  #decoded = 0;
  /** All bytes came; what is left is to decode them. */
  #allRead = false;
  /** Bytes that are paid for. */
  #taken = 0;
  #released = false;

  constructor(message: HttpMessage, connection: Connection, deps: BodyDeps) {
    this.#message = message;
    this.#connection = connection;
    this.#deps = deps;
  }

  read(sink: BodySink): void {
    const message = this.#message;
    const connection = this.#connection;
    const holding = connection.current?.holding;
    assert(holding !== undefined, 'a body is read for a key that has a stream');
    const coding = codingOf(message.head.fields);
    if (coding === 'other') return sink.refused(unknownCoding);
    if ((message.declaredBytes ?? 0) > this.#deps.maxBodyBytes) return sink.refused(this.#tooLarge());
    if (coding !== 'none') this.#decoder = new BodyDecoder(coding, this);
    if (message.expectsContinue) message.sendContinue();
    connection.body = this;
    this.#sink = sink;
    this.#holding = holding;
    this.#deps.holdings.beginBody(holding, this);
    message.receive(this);
  }

  data(chunk: Buffer): void {
    // The exchange is over; what still comes is nobody's.
    if (this.#sink === undefined) return;
    this.#read += chunk.length;
    if (this.#read > this.#deps.maxBodyBytes) return this.refuse(this.#tooLarge());
    if (!this.#take(chunk.length)) return;
    if (this.#decoder === undefined) this.#give(chunk);
    else this.#decoder.write(chunk, () => this.#giveBack(chunk.length));
  }

  end(): void {
    this.#allRead = true;
    if (this.#decoder === undefined) this.#whole();
    else this.#decoder.end();
  }

  decoded(chunk: Buffer): void {
    if (this.#sink === undefined) return;
    this.#decoded += chunk.length;
    // Called by a stream of Node's, where a throw would end the process.
    this.#guarded(() => {
      if (this.#decoded > this.#deps.maxBodyBytes) this.refuse(this.#tooLarge());
      else if (this.#take(chunk.length)) this.#give(chunk);
    });
  }

  decodedWhole(): void {
    this.#whole();
  }

  undecodable(refusal: Refusal): void {
    this.#guarded(() => this.refuse(refusal));
  }

  /** One second went by in which this body could be read. */
  tick(): void {
    if (this.#allRead) return;
    this.#rate ??= new RateWindow(this.#deps.minBytesPerSecond);
    if (this.#rate.isTooSlow(this.#read)) this.refuse(slowBody);
  }

  /** It is too much, too slow, or no body at all. */
  refuse(refusal: Refusal): void {
    const sink = this.#sink;
    this.#leave();
    this.#message.receive(undefined);
    sink?.refused(refusal);
  }

  giveUp(code: ExhaustedCode): void {
    this.#guarded(() => this.refuse(exhausted(code)));
  }

  /** The exchange is over: nothing more is read, and the memory is given back. */
  release(): void {
    const sink = this.#sink;
    this.#leave();
    sink?.abandoned();
    if (this.#holding === undefined) return;
    this.#deps.holdings.giveBackBytes(this.#holding, this.#taken);
    this.#taken = 0;
    this.#released = true;
  }

  /** False where there is no memory, or no use for it any more; then the body is refused, or given up already. */
  #take(bytes: number): boolean {
    const holding = this.#holding;
    if (holding === undefined || this.#sink === undefined) return false;
    if (!this.#deps.holdings.takeBytes(holding, this, bytes)) {
      this.refuse(exhausted('BODIES_EXHAUSTED'));
      return false;
    }
    this.#taken += bytes;
    // Giving up another body may have started a request that made this one give up, too.
    if (this.#sink !== undefined) return true;
    this.release();
    return false;
  }

  #giveBack(bytes: number): void {
    if (this.#released || this.#holding === undefined) return;
    this.#taken -= bytes;
    this.#deps.holdings.giveBackBytes(this.#holding, bytes);
  }

  #give(chunk: Buffer): void {
    let refusal: Refusal | undefined;
    try {
      refusal = this.#sink?.chunk(chunk);
    } catch (error) {
      const sink = this.#sink;
      this.#leave();
      sink?.crashed(error);
    }
    if (refusal !== undefined) this.refuse(refusal);
  }

  #whole(): void {
    const sink = this.#sink;
    this.#leave();
    try {
      sink?.end();
    } catch (error) {
      sink?.crashed(error);
    }
  }

  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#deps.onError(this.#connection, error);
    }
  }

  #leave(): void {
    if (this.#sink === undefined || this.#holding === undefined) return;
    this.#sink = undefined;
    this.#decoder?.close();
    this.#connection.body = undefined;
    this.#deps.holdings.endBody(this.#holding, this);
  }

  #tooLarge(): Refusal {
    return {
      code: 'BODY_TOO_LARGE',
      params: { limit: this.#deps.maxBodyBytes },
      rule: rule('max-body-bytes'),
    };
  }
}
