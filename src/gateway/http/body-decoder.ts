/**
 * Removes the content coding of a request body (RFC 9110, section 8.4) as the body arrives: one complete `gzip` or
 * `zstd` stream with nothing after it. The decoded size is limited to 200 times the coded size, beyond the first MiB. A
 * zstd window is limited to 8 MiB. So a small request cannot take much memory or time. A decoder holds at most one copy
 * of the bytes that it decoded.
 */

import type { Transform } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { rule } from '../../core/rules.ts';
import type { Refusal } from '../exchange.ts';
import type { RequestHeaders } from '../request-headers.ts';
import { ZstdFrame } from './zstd-frame.ts';

export type BodyCoding = 'none' | 'gzip' | 'zstd' | 'other';

const maxRatio = 200;
const freeBytes = 1024 * 1024;
const maxWindowLog = 23;
/** The number of `ZSTD_d_windowLogMax` in zstd.h. To import `constants` would load `node:zlib` at each start. */
const windowLogParameter = 100;
const outputBytes = 64 * 1024;
const trailerBytes = 4;

export const unknownCoding: Refusal = {
  code: 'BODY_CODED',
  rule: rule('content-encoding'),
  fields: 'accept-encoding: gzip, zstd\r\n',
};

const invalid = (reason: string): Refusal => ({
  code: 'BODY_CODING_INVALID',
  params: { reason },
  rule: rule('content-encoding'),
});

const expands: Refusal = {
  code: 'BODY_EXPANDS',
  params: { ratio: maxRatio },
  rule: rule('content-encoding'),
};

export function codingOf(fields: RequestHeaders): BodyCoding {
  const value = fields.get('content-encoding')?.trim().toLowerCase();
  if (value === undefined) return 'none';
  if (fields.repeated('content-encoding')) return 'other';
  if (value === '' || value === 'identity') return 'none';
  if (value === 'gzip' || value === 'x-gzip') return 'gzip';
  return value === 'zstd' ? 'zstd' : 'other';
}

/** Receives the decoded bytes. After a fault no method is called. */
export interface DecodedListener {
  decoded(chunk: Buffer): void;
  decodedWhole(): void;
  undecodable(refusal: Refusal): void;
}

export class BodyDecoder {
  readonly #stream: Transform & { readonly bytesWritten: number };
  readonly #frame: ZstdFrame | undefined;
  readonly #listener: DecodedListener;
  #encoded = 0;
  #decoded = 0;
  /** The last bytes of the body, in which gzip states the length. */
  #trailer = Buffer.alloc(0);
  #over = false;

  constructor(coding: 'gzip' | 'zstd', listener: DecodedListener) {
    this.#listener = listener;
    if (coding === 'zstd') {
      this.#frame = new ZstdFrame();
      this.#stream = createZstdDecompress({
        chunkSize: outputBytes,
        params: { [windowLogParameter]: maxWindowLog },
      });
    } else this.#stream = createGunzip({ chunkSize: outputBytes });
    this.#stream.on('data', (chunk: Buffer) => this.#take(chunk));
    this.#stream.on('end', () => this.#finish());
    this.#stream.on('error', (error: NodeJS.ErrnoException) => this.#fail(invalid(reasonOf(error))));
  }

  /** `used` is called once, when these bytes are no longer needed. */
  write(chunk: Buffer, used: () => void): void {
    if (this.#over) return used();
    this.#encoded += chunk.length;
    this.#trailer = Buffer.concat([this.#trailer, chunk.subarray(-trailerBytes)]).subarray(-trailerBytes);
    const frame = this.#frame;
    if (frame !== undefined && !frame.read(chunk)) {
      used();
      return this.#fail(invalid(frame.whole ? somethingFollows : 'is not one zstd frame'));
    }
    this.#stream.write(chunk, () => used());
  }

  /** Ends the input. */
  end(): void {
    if (!this.#over) this.#stream.end();
  }

  /** Closes the decoder. The listener gets no more calls. */
  close(): void {
    this.#over = true;
    this.#stream.destroy();
  }

  #take(chunk: Buffer): void {
    if (this.#over) return;
    this.#decoded += chunk.length;
    if (this.#decoded > freeBytes && this.#decoded > this.#encoded * maxRatio) return this.#fail(expands);
    this.#listener.decoded(chunk);
  }

  #finish(): void {
    if (this.#over) return;
    // Node's decoders silently ignore bytes after the end that they do not recognise.
    if (this.#stream.bytesWritten < this.#encoded) return this.#fail(invalid(somethingFollows));
    if (this.#frame !== undefined && !this.#frame.whole) return this.#fail(invalid(brokenOff));
    // RFC 1952, section 2.3.1: with a second member, this would be the length of the second member only.
    const isGzip = this.#frame === undefined;
    if (isGzip && this.#trailer.readUInt32LE() !== this.#decoded % 2 ** 32)
      return this.#fail(invalid(somethingFollows));
    this.close();
    this.#listener.decodedWhole();
  }

  #fail(refusal: Refusal): void {
    if (this.#over) return;
    this.close();
    this.#listener.undecodable(refusal);
  }
}

const somethingFollows = 'has bytes after its end';
const brokenOff = 'breaks off';

function reasonOf(error: NodeJS.ErrnoException): string {
  if (error.code === 'Z_BUF_ERROR') return brokenOff;
  if (error.code === 'ZSTD_error_frameParameter_windowTooLarge') return 'needs a window of more than 8 MiB';
  return 'cannot be decoded';
}
