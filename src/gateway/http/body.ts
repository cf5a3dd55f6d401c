/**
 * Reads a request body: limits its size and its minimum rate, removes its content coding, and reserves its memory from
 * the memory that all bodies share. A coded body reserves memory for bytes that wait for the decoder, and for decoded bytes.
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
import { BodyBlocks } from './body-blocks.ts';
import { BodyDecoder, codingOf, type DecodedListener, unknownCoding } from './body-decoder.ts';
import type { Connection } from './connection.ts';
import type { BodyListener, HttpMessage } from './message.ts';
import { RateWindow } from './rate-window.ts';

/** The same for every body of a proxy. */
export interface BodyDeps {
  readonly maxBodyBytes: number;
  readonly minBytesPerSecond: number;
  readonly holdings: KeyHoldings;
  /** Called when refusing a body threw an error. */
  readonly onError: (connection: Connection, error: unknown) => void;
}

const slowBody: Refusal = { code: 'REQUEST_TIMEOUT', rule: rule('min-body-rate'), close: true };

function exhausted(code: ExhaustedCode): Refusal {
  const limit = code === 'BODIES_EXHAUSTED' ? 'max-buffered-bytes' : 'max-streams';
  return { code, rule: rule(limit), fields: 'retry-after: 1\r\n' };
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
  /** The memory of the body, where the message shares its bytes. */
  #blocks: BodyBlocks | undefined;
  /** Bytes received. */
  #read = 0;
  /** Bytes of the body after its coding was removed. */
  #decoded = 0;
  /** All bytes were received; some may still have to be decoded. */
  #allRead = false;
  /** Bytes for which memory is reserved. */
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
    if (!this.#accept(chunk.length)) return;
    if (this.#decoder !== undefined) {
      const own = this.#message.sharesBytes ? Buffer.from(chunk) : chunk;
      this.#decoder.write(own, () => this.#giveBack(own.length));
    } else if (!this.#message.sharesBytes) this.#give(chunk, chunk);
    else this.#giveBlocks(chunk);
  }

  lend(left: number): Buffer | undefined {
    return this.#blocks?.lend(this.#sink === undefined ? 0 : left);
  }

  filled(bytes: number): void {
    if (this.#blocks === undefined || !this.#accept(bytes)) return;
    const own = this.#blocks.filled(bytes);
    this.#give(own, own);
  }

  end(): void {
    this.#allRead = true;
    if (this.#decoder === undefined) this.#whole();
    else this.#decoder.end();
  }

  decoded(chunk: Buffer): void {
    if (this.#sink === undefined) return;
    this.#decoded += chunk.length;
    // Node's stream calls this, and an exception would end the process.
    this.#guarded(() => {
      if (this.#decoded > this.#deps.maxBodyBytes) this.refuse(this.#tooLarge());
      else if (this.#take(chunk.length)) this.#give(chunk, chunk);
    });
  }

  decodedWhole(): void {
    this.#whole();
  }

  undecodable(refusal: Refusal): void {
    this.#guarded(() => this.refuse(refusal));
  }

  /** Called once a second while the body is read. */
  tick(): void {
    if (this.#allRead) return;
    this.#rate ??= new RateWindow(this.#deps.minBytesPerSecond);
    if (this.#rate.isTooSlow(this.#read)) this.refuse(slowBody);
  }

  /** Stops reading: the body is too large, too slow or malformed. */
  refuse(refusal: Refusal): void {
    const sink = this.#sink;
    this.#leave();
    this.#message.receive(undefined);
    sink?.refused(refusal);
  }

  giveUp(code: ExhaustedCode): void {
    this.#guarded(() => this.refuse(exhausted(code)));
  }

  /**
   * Stops reading and releases the memory: the exchange is over. `sent`: nothing reads the bytes of the body any more, so that
   * their memory may serve another body at once.
   */
  release(sent: boolean): void {
    const sink = this.#sink;
    this.#leave();
    sink?.abandoned();
    if (sent) this.#blocks?.giveBack();
    this.#blocks = undefined;
    if (this.#holding === undefined) return;
    this.#deps.holdings.giveBackBytes(this.#holding, this.#taken);
    this.#taken = 0;
    this.#released = true;
  }

  /** Counts received bytes. Returns false where they are discarded. */
  #accept(bytes: number): boolean {
    // The exchange is over.
    if (this.#sink === undefined) return false;
    this.#read += bytes;
    if (this.#read <= this.#deps.maxBodyBytes) return this.#take(bytes);
    this.refuse(this.#tooLarge());
    return false;
  }

  /** Reserves memory. Returns false if there is none or if reading has stopped; the body was refused then. */
  #take(bytes: number): boolean {
    const holding = this.#holding;
    if (holding === undefined || this.#sink === undefined) return false;
    if (!this.#deps.holdings.takeBytes(holding, this, bytes)) {
      this.refuse(exhausted('BODIES_EXHAUSTED'));
      return false;
    }
    this.#taken += bytes;
    // Refusing another body may have started a request that caused this body to be refused.
    if (this.#sink !== undefined) return true;
    this.release(false);
    return false;
  }

  #giveBack(bytes: number): void {
    if (this.#released || this.#holding === undefined) return;
    this.#taken -= bytes;
    this.#deps.holdings.giveBackBytes(this.#holding, bytes);
  }

  #giveBlocks(chunk: Buffer): void {
    this.#blocks ??= new BodyBlocks();
    const blocks = this.#blocks;
    // A refused piece is the last one.
    for (let at = 0; at < chunk.length && this.#sink !== undefined; ) {
      const own = blocks.store(chunk, at);
      const end = at + own.length;
      this.#give(own.length === chunk.length ? chunk : chunk.subarray(at, end), own);
      at = end;
    }
  }

  #give(bytes: Buffer, own: Buffer): void {
    let refusal: Refusal | undefined;
    try {
      refusal = this.#sink?.chunk(bytes, own);
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
