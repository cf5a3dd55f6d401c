/**
 * Reads the facts about a whole response while it is relayed: its usage, which is near the end, and how much text it
 * holds.
 */

import { TailBuffer } from './tail-buffer.ts';
import { bodyUsage, type Usage } from './token-counts.ts';
import { TokenEstimator } from './token-estimator.ts';

/** How many bytes of the end are kept to find the usage. */
const usageTail = 16 * 1024;

export class WholeResponseReader {
  /** The declared length of the response, until its first bytes arrive. */
  #expected: number | undefined;
  readonly #isText: boolean;
  #usage: Usage | undefined;
  #tail: TailBuffer | undefined;
  readonly text = new TokenEstimator();

  /** `isText`: the response is not sound or an image. */
  constructor(expectedBytes: number | undefined, isText: boolean) {
    this.#expected = expectedBytes;
    this.#isText = isText;
  }

  /** Returns true if these bytes are the whole response. */
  read(buffer: Buffer, from: number, to: number): boolean {
    const isAll = this.#expected === to - from;
    this.#expected = undefined;
    if (!this.#isText) return isAll;
    if (isAll) {
      this.#usage = bodyUsage(buffer, from, to);
      if (this.#usage !== undefined && this.#usage.inputTokens > 0 && this.#usage.outputTokens > 0)
        return true;
    } else {
      this.#tail ??= new TailBuffer(usageTail);
      this.#tail.add(buffer, from, to);
    }
    this.text.part(buffer, from, to, isAll);
    return isAll;
  }

  /** Valid once the response is complete. */
  get usage(): Usage | undefined {
    return this.#usage ?? (this.#tail === undefined ? undefined : bodyUsage(this.#tail.bytes()));
  }
}

/** Also true for a response without a declared type. */
export function isTextType(contentType: string): boolean {
  return !/^(?:audio|image|video)\/|^application\/octet-stream/i.test(contentType);
}
