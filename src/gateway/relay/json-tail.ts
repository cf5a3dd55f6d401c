/**
 * Walks the members of a JSON text from its end to its beginning, each with its depth.
 *
 * What an answer tells about itself (usage, how it ended) most often stands near its end, and of a long answer only the
 * end is kept. Backwards the depth is known from the first byte, also in a torso; forwards it would not be. Nothing that
 * a model or a client wrote can pass for a member of the answer itself: in a string its quotes are escaped, in an object
 * (arguments of a tool, a schema that is echoed) it stands deeper.
 *
 *   {"choices":[{"index":0,"finish_reason":"stop"}],"usage":{"prompt_tokens":5}}
 *                                                             depth 2 <---- end
 *                                                    depth 1
 *                          depth 3
 *    depth 1
 */
const quote = 0x22;
const backslash = 0x5c;
/** No request holds as many tokens; what tells more does not count tokens. */
const maxCount = 1_000_000_000;

export class JsonTail {
  #text: Buffer = Buffer.alloc(0);
  #from = 0;
  #to = 0;
  #at = 0;

  /** The member's depth (1 in the outermost object), its name's bytes without quotes, and its value's first byte. */
  depth = 0;
  nameFrom = 0;
  nameTo = 0;
  valueAt = 0;

  /** [from, to) ends behind a JSON object; blanks may follow it. It may begin anywhere. */
  begin(text: Buffer, from: number, to: number): void {
    this.#text = text;
    this.#from = from;
    this.#to = to;
    this.#at = to;
    this.depth = 0;
  }

  /** Goes to the member before; false when there is none. */
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
          // What does not end in an object is not what we were promised.
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

  /** The value is a string, and not the empty one. */
  get isText(): boolean {
    return this.#text[this.valueAt] === quote && this.#text[this.valueAt + 1] !== quote;
  }

  /** The value, where it is a plain whole number that can count tokens. */
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

  /** An odd number of backslashes before a quote makes it a character of the text. */
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

/** Position of the first byte in [from, to) that is no blank, or `to`. */
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
