/**
 * Reads in passing what a whole answer says about itself: its usage, found in its end, and how much text it holds.
 */
import { AnswerText } from './answer-text.ts';
import { LastBytes } from './last-bytes.ts';
import { bodyUsage, type Usage } from './usage-scan.ts';

/** What is kept of an answer's end to find its usage in. */
const usageTail = 16 * 1024;

export class WholeAnswerReader {
  /** Length of the answer, until its first bytes came. */
  #expected: number | undefined;
  readonly #isText: boolean;
  #usage: Usage | undefined;
  #tail: LastBytes | undefined;
  readonly text = new AnswerText();

  /** `isText`: not sound or an image. */
  constructor(expectedBytes: number | undefined, isText: boolean) {
    this.#expected = expectedBytes;
    this.#isText = isText;
  }

  /** Returns true where these bytes are all of the answer. */
  read(buffer: Buffer, from: number, to: number): boolean {
    const isAll = this.#expected === to - from;
    this.#expected = undefined;
    if (!this.#isText) return isAll;
    if (isAll) {
      this.#usage = bodyUsage(buffer.subarray(from, to));
      if (this.#usage !== undefined && this.#usage.inputTokens > 0 && this.#usage.outputTokens > 0)
        return true;
    } else {
      this.#tail ??= new LastBytes(usageTail);
      this.#tail.add(buffer, from, to);
    }
    this.text.part(buffer, from, to);
    return isAll;
  }

  /** Asked once the answer is whole. */
  get usage(): Usage | undefined {
    return this.#usage ?? (this.#tail === undefined ? undefined : bodyUsage(this.#tail.bytes()));
  }
}

/** Of an answer whose type is not told, too. */
export function isTextType(contentType: string): boolean {
  return !/^(?:audio|image|video)\/|^application\/octet-stream/i.test(contentType);
}
