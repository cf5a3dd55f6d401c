/**
 * Remembers the last response head of one connection, so that a head with the same bytes is not parsed again: engines
 * send the same head with every response. Only the digits of `content-length` may differ.
 *
 * A head is remembered from the second response on, and only if all its fields are on a list of harmless names, so no
 * cookie and no credential is kept. `tick` drops a head that no response used for five seconds.
 */
import type { EngineResponseHead } from './response-head.ts';

/** Fields that hold no secret, and that servers of engines repeat. A `date` changes once a second. */
const harmless: ReadonlySet<string> = new Set([
  'content-type',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'cache-control',
  'date',
  'server',
  'vary',
  'x-powered-by',
  'x-accel-buffering',
  'access-control-allow-origin',
  'access-control-allow-credentials',
]);

const maxBytes = 1024;
const maxDigits = 15;
/** The sweep calls `tick` four times a second. */
const maxTicks = 20;

const lengthField = /\r\ncontent-length:[ \t]*(\d+)/i;

export class RememberedHead {
  /** The head with its empty line. */
  #bytes: Buffer | undefined;
  #head: EngineResponseHead | undefined;
  /** Where the digits of `content-length` begin and end; at the end of the bytes if there are none. */
  #digitsAt = 0;
  #digitsEnd = 0;
  #responses = 0;
  #ticks = 0;
  /** The value of `content-length` in the head that `recall` found. */
  length: number | undefined;

  /** The head that `recall` found. Its `length` is that of an earlier response. */
  get head(): EngineResponseHead | undefined {
    return this.#head;
  }

  /** Returns the position after the head if [from, to) begins with the remembered head, otherwise -1. */
  recall(buffer: Buffer, from: number, to: number): number {
    const bytes = this.#bytes;
    if (bytes === undefined) return -1;
    const digitsAt = this.#digitsAt;
    const digitsEnd = this.#digitsEnd;
    if (from + digitsAt > to) return -1;
    for (let i = 0; i < digitsAt; i++) if (buffer[from + i] !== bytes[i]) return -1;
    let at = from + digitsAt;
    let length: number | undefined;
    if (digitsEnd > digitsAt) {
      const last = Math.min(to, at + maxDigits);
      length = 0;
      for (; at < last; at++) {
        const digit = (buffer[at] as number) - 0x30;
        if (digit < 0 || digit > 9) break;
        length = length * 10 + digit;
      }
      if (at === from + digitsAt) return -1;
    }
    const end = at + bytes.length - digitsEnd;
    if (end > to) return -1;
    for (let i = digitsEnd; at < end; i++, at++) if (buffer[at] !== bytes[i]) return -1;
    this.length = length;
    this.#ticks = 0;
    return end;
  }

  /** Remembers a head that was parsed. `text`: its lines with their CRLF, without the empty line. */
  keep(text: string, head: EngineResponseHead): void {
    this.#responses += 1;
    this.forget();
    if (this.#responses === 1 || text.length + 2 > maxBytes) return;
    for (let i = 0; i < head.fields.length; i += 2) if (!harmless.has(head.fields[i] as string)) return;
    this.#bytes = Buffer.from(`${text}\r\n`, 'latin1');
    this.#head = head;
    this.#digitsAt = this.#digitsEnd = this.#bytes.length;
    const found = head.length === undefined ? null : lengthField.exec(text);
    if (found === null) return;
    this.#digitsEnd = found.index + found[0].length;
    this.#digitsAt = this.#digitsEnd - (found[1] as string).length;
  }

  /** Called four times a second. */
  tick(): void {
    if (this.#bytes === undefined) return;
    this.#ticks += 1;
    if (this.#ticks >= maxTicks) this.forget();
  }

  forget(): void {
    this.#bytes = undefined;
    this.#head = undefined;
    this.#ticks = 0;
  }
}
