/**
 * Walks the members of a JSON text from its end to its beginning, each with its depth.
 *
 * The usage and the finish reason of a response are usually near its end, and only the end of a long response is kept.
 * Backwards, the depth is known from the first byte on, even if the beginning is missing. Text of a model or a client
 * cannot be mistaken for a member of the response: in a string its quotes are escaped, and in an object (tool arguments,
 * an echoed schema) it is nested deeper.
 *
 *   {"choices":[{"index":0,"finish_reason":"stop"}],"usage":{"prompt_tokens":5}}
 *                                                             depth 2 <---- end
 *                                                    depth 1
 *                          depth 3
 *    depth 1
 */
const quote = 0x22;
const backslash = 0x5c;
/** No request has this many tokens, so a larger number is not a token count. */
const maxCount = 1_000_000_000;

const nothing = Buffer.alloc(0);

export class BackwardJsonReader {
  #text: Buffer = nothing;
  #from = 0;
  #to = 0;
  #at = 0;

  /** The depth of the member (1 in the outermost object), its name without quotes, and the first byte of its value. */
  depth = 0;
  nameFrom = 0;
  nameTo = 0;
  valueAt = 0;

  /**
   * Starts at the end of [from, to), which ends with a JSON object and perhaps blanks. The range may begin anywhere.
   */
  begin(text: Buffer, from: number, to: number): void {
    this.#text = text;
    this.#from = from;
    this.#to = to;
    this.#at = to;
    this.depth = 0;
  }

  /** Goes to the previous member; returns false if there is none. */
  previous(): boolean {
    const text = this.#text;
    let colonAt = -1;
    let at = this.#at;
    while (--at >= this.#from) {
      switch (text[at]) {
        case quote: {
          const open = this.#openingQuote(at);
          if (open < 0) return false;
          if (colonAt >= 0) {
            this.nameFrom = open + 1;
            this.nameTo = at;
            this.valueAt = skipBlanks(text, colonAt + 1, this.#to);
            this.#at = open;
            return true;
          }
          at = open;
          continue;
        }
        case 0x3a:
          colonAt = at;
          continue;
        case 0x7d:
        case 0x5d:
          this.depth += 1;
          break;
        case 0x7b:
        case 0x5b:
          this.depth -= 1;
          if (this.depth <= 0) return this.#over();
          break;
        case 0x20:
        case 0x09:
        case 0x0a:
        case 0x0d:
          continue;
        default:
          // The text does not end with an object, so it cannot be read.
          if (this.depth === 0) return this.#over();
      }
      colonAt = -1;
    }
    return this.#over();
  }

  isNamed(name: Buffer): boolean {
    return this.nameTo - this.nameFrom === name.length && startsWith(this.#text, this.nameFrom, name);
  }

  /** The first byte of the value. */
  get valueByte(): number | undefined {
    return this.#text[this.valueAt];
  }

  /** Whether the value is a string that is not empty. */
  get isText(): boolean {
    return this.#text[this.valueAt] === quote && this.#text[this.valueAt + 1] !== quote;
  }

  /** The value if it is a plain whole number that can be a token count. */
  get count(): number | undefined {
    const text = this.#text;
    let at = this.valueAt;
    let count = 0;
    for (; isDigit(text[at]); at++) {
      count = count * 10 + (text[at] as number) - 0x30;
      if (count > maxCount) return undefined;
    }
    if (at === this.valueAt) return undefined;
    // Some servers count in floating point: 12.0.
    if (text[at] === 0x2e && text[at + 1] === 0x30) {
      at += 2;
      while (text[at] === 0x30) at += 1;
    }
    return isDigit(text[at]) || isPartOfNumber(text[at]) ? undefined : count;
  }

  #over(): false {
    this.#at = this.#from;
    return false;
  }

  /** A quote after an odd number of backslashes is part of the text. */
  #openingQuote(closing: number): number {
    const text = this.#text;
    for (let at = closing - 1; at >= this.#from; at--) {
      if (text[at] !== quote) continue;
      let before = at - 1;
      while (before >= this.#from && text[before] === backslash) before -= 1;
      if ((at - before) % 2 === 1) return at;
      at = before + 1;
    }
    this.#at = this.#from;
    return -1;
  }
}

export function startsWith(text: Buffer, at: number, start: Buffer): boolean {
  for (let i = 0; i < start.length; i++) if (text[at + i] !== start[i]) return false;
  return true;
}

/** Returns the position of the first byte in [from, to) that is not blank, or `to`. */
export function skipBlanks(text: Buffer, from: number, to: number): number {
  let at = from;
  while (at < to && isBlank(text[at])) at += 1;
  return at;
}

export function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

/** `.`, `e`, `E`, `+` or `-`. */
function isPartOfNumber(byte: number | undefined): boolean {
  return byte === 0x2e || byte === 0x65 || byte === 0x45 || byte === 0x2b || byte === 0x2d;
}
