/**
 * Reads JSON tokens (RFC 8259, sections 6 and 7) from bytes that may end in the middle of a token and continue in the
 * next piece. Each method returns the position after the bytes that it read, `unfinished`, or `bad`. After `bad`,
 * `badAt` and `badReason` name the byte and the reason.
 *
 * Long strings are read four bytes at a time: a word holds a quote, a backslash or a control character if and only if
 * one of three sums has a high bit. This is twice as fast as single bytes. Where that finds nothing for a while, blocks
 * are searched with vectors, which is six times as fast again. A block is at most twice as long as the clean text before
 * it, so that the work stays linear whatever the text.
 */
import { cleanUntil, longestSearch } from './special-bytes.ts';

/** Returned if the piece ended inside the token. */
export const unfinished = -1;
/** Returned if a byte is invalid. */
export const bad = -2;

const quote = 0x22;
const backslash = 0x5c;
/** This many bytes are read one by one. Most strings are shorter, and after an escape the next one is often near. */
const nearBytes = 16;
/** Words are read this far before a block is searched. A block without a special byte doubles the next one. */
const wordBytes = 512;
const firstBlockBytes = 1_024;

const hexDigits = 4;
const afterBackslash = hexDigits + 1;

/** What the next byte of a number may be. */
const minus = 0;
const zero = 1;
const integer = 2;
const point = 3;
const fraction = 4;
const exponent = 5;
const exponentSign = 6;
const exponentDigits = 7;

export class JsonTokens {
  badAt = 0;
  badReason = '';
  /** Whether the last string contains an escape. */
  escaped = false;
  /** 0, the number of missing hex digits, or `afterBackslash`. */
  #escape = 0;
  /** How many bytes of the string are searched next: at most twice as many as were clean before. 0: too few were clean. */
  #block = 0;
  #number = minus;
  #literal = '';
  #literalAt = 0;
  #words: Int32Array | undefined;
  #wordsOf: Buffer | undefined;
  #wordsFrom = 0;

  /** Starts at the byte after the opening quote. */
  beginString(buffer: Buffer, at: number, to: number): number {
    this.escaped = false;
    this.#block = 0;
    return this.string(buffer, at, to);
  }

  /** Returns the position after the closing quote. */
  string(buffer: Buffer, from: number, to: number): number {
    let at = from;
    if (this.#escape > 0) {
      at = this.#escapeEnd(buffer, at, to);
      if (at < 0) return at;
    }
    for (;;) {
      let near = at + nearBytes;
      near += -(buffer.byteOffset + near) & 3;
      if (near > to) near = to;
      while (at < near) {
        const byte = buffer[at++] as number;
        if (byte === quote) return at;
        if (byte === backslash) {
          this.escaped = true;
          this.#block = 0;
          // Most escapes are two bytes, and often several follow each other.
          if (at < to && isEscape(buffer[at] as number)) {
            at += 1;
            near = at + nearBytes;
            near += -(buffer.byteOffset + near) & 3;
            if (near > to) near = to;
            continue;
          }
          this.#escape = afterBackslash;
          at = this.#escapeEnd(buffer, at, to);
          if (at < 0) return at;
          break;
        }
        if (byte < 0x20) return this.#bad(at - 1, 'a string holds a control character');
      }
      if (at >= to) return unfinished;
      if (at === near) at = this.#skip(buffer, at, to);
    }
  }

  /** Starts at a word-aligned position. Returns a position before which there is no special byte. */
  #skip(buffer: Buffer, from: number, to: number): number {
    let at = from;
    if (this.#block === 0 || to - from < wordBytes) {
      const soon = Math.min(to, from + wordBytes);
      at = this.#skipWords(buffer, from, soon);
      if (at !== soon) return at;
      this.#block ||= firstBlockBytes;
    }
    while (at < to) {
      const whole = at + this.#block;
      const blockEnd = Math.min(to, whole);
      at = cleanUntil(buffer, at, blockEnd);
      if (at < blockEnd) break;
      if (at === whole) this.#block = Math.min(this.#block * 2, longestSearch);
    }
    return to - at <= nearBytes ? at : this.#skipWords(buffer, at, to);
  }

  /** Returns the first word, from a word-aligned position on, that holds a special byte or is not whole. */
  #skipWords(buffer: Buffer, at: number, to: number): number {
    // Each read makes a new Buffer, also where reads share their memory.
    if (this.#wordsOf !== buffer || this.#words === undefined) {
      this.#wordsOf = buffer;
      this.#wordsFrom = -buffer.byteOffset & 3;
      const bytes = Math.max(0, buffer.length - this.#wordsFrom);
      this.#words = new Int32Array(buffer.buffer, buffer.byteOffset + this.#wordsFrom, bytes >> 2);
    }
    const words = this.#words;
    const end = (to - this.#wordsFrom) >> 2;
    let word = (at - this.#wordsFrom) >> 2;
    for (; word < end; word++) {
      const bytes = words[word] as number;
      const quotes = bytes ^ 0x22222222;
      const slashes = bytes ^ 0x5c5c5c5c;
      const found =
        ((quotes - 0x01010101) & ~quotes) |
        ((slashes - 0x01010101) & ~slashes) |
        ((bytes - 0x20202020) & ~bytes);
      if ((found & 0x80808080) !== 0) break;
    }
    return this.#wordsFrom + (word << 2);
  }

  #escapeEnd(buffer: Buffer, from: number, to: number): number {
    let at = from;
    if (this.#escape === afterBackslash) {
      if (at >= to) return unfinished;
      const byte = buffer[at++] as number;
      if (byte !== 0x75) {
        if (!isEscape(byte)) return this.#bad(at - 1, 'a string holds an unknown escape');
        this.#escape = 0;
        return at;
      }
      this.#escape = hexDigits;
    }
    for (; this.#escape > 0; this.#escape--) {
      if (at >= to) return unfinished;
      if (!isHex(buffer[at++] as number)) return this.#bad(at - 1, 'a string holds a malformed escape');
    }
    return at;
  }

  /** Starts at the first byte, a minus or a digit. */
  beginNumber(buffer: Buffer, at: number, to: number): number {
    const byte = buffer[at];
    this.#number = byte === 0x2d ? minus : byte === 0x30 ? zero : integer;
    return this.number(buffer, at + 1, to);
  }

  /** Returns the position of the first byte after the number. */
  number(buffer: Buffer, from: number, to: number): number {
    let state = this.#number;
    for (let at = from; at < to; at++) {
      const byte = buffer[at] as number;
      if (byte >= 0x30 && byte <= 0x39) {
        if (state === integer || state === fraction || state === exponentDigits) continue;
        if (state === zero) return this.#bad(at, 'a number begins with a zero');
        state =
          state === minus ? (byte === 0x30 ? zero : integer) : state === point ? fraction : exponentDigits;
      } else if (byte === 0x2e && (state === zero || state === integer)) state = point;
      else if ((byte | 0x20) === 0x65 && (state === zero || state === integer || state === fraction))
        state = exponent;
      else if ((byte === 0x2b || byte === 0x2d) && state === exponent) state = exponentSign;
      else if (state === zero || state === integer || state === fraction || state === exponentDigits)
        return at;
      else return this.#bad(at, 'a number is malformed');
    }
    this.#number = state;
    return unfinished;
  }

  /** Starts at the first byte. */
  beginLiteral(buffer: Buffer, at: number, to: number): number {
    const byte = buffer[at];
    this.#literal = byte === 0x74 ? 'true' : byte === 0x66 ? 'false' : byte === 0x6e ? 'null' : '';
    if (this.#literal === '') return this.#bad(at, 'a value is missing');
    this.#literalAt = 1;
    return this.literal(buffer, at + 1, to);
  }

  literal(buffer: Buffer, from: number, to: number): number {
    let at = from;
    while (at < to) {
      if (buffer[at] !== this.#literal.charCodeAt(this.#literalAt))
        return this.#bad(at, 'a literal is misspelled');
      at += 1;
      if (++this.#literalAt === this.#literal.length) return at;
    }
    return unfinished;
  }

  #bad(at: number, reason: string): number {
    this.badAt = at;
    this.badReason = reason;
    return bad;
  }
}

function isEscape(byte: number): boolean {
  switch (byte) {
    case 0x22:
    case 0x2f:
    case 0x5c:
    case 0x62:
    case 0x66:
    case 0x6e:
    case 0x72:
    case 0x74:
      return true;
    default:
      return false;
  }
}

function isHex(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66);
}

/** Returns the value of a well-formed string token, which includes the quotes. */
export function unquote(token: string): string {
  return token.includes('\\') ? (JSON.parse(token) as string) : token.slice(1, -1);
}
