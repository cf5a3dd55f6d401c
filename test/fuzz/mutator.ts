/** Changes inputs at random: bytes, tokens of the target, numbers, pieces of other inputs. The seed decides everything. */

const oddBytes = Buffer.from(
  '\0\t\n\v\r "\'#%&*+,-./0159:;=?@AFZ[\\]_`azn{}~\x7f\x80\xa0\xbf\xc3\xe2\xed\xf0\xff',
  'latin1',
);
const oddNumbers = [
  '0',
  '-1',
  '1',
  '00',
  '255',
  '256',
  '65536',
  '2147483648',
  '4294967295',
  '9007199254740993',
  '1e400',
  '0x10',
];
const digits = /\d+/g;

export class Mutator {
  readonly #tokens: readonly Buffer[];
  readonly #maxLength: number;
  #state: number;

  constructor(tokens: readonly string[], maxLength: number, seed: number) {
    this.#tokens = tokens.map((token) => Buffer.from(token, 'latin1'));
    this.#maxLength = maxLength;
    this.#state = seed | 0;
  }

  /** A whole number from 0 to below `below` (mulberry32). */
  random(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  }

  /** Returns a changed copy of one input of the corpus. */
  next(corpus: readonly Buffer[]): Buffer {
    let input = this.#oneOf(corpus);
    for (let left = 1 + this.random(this.random(3) === 0 ? 8 : 3); left > 0; left--)
      input = this.#change(input, corpus);
    return Buffer.from(input.subarray(0, this.#maxLength));
  }

  #change(input: Buffer, corpus: readonly Buffer[]): Buffer {
    const at = this.random(input.length + 1);
    const to = Math.min(input.length, at + this.#length());
    switch (this.random(10)) {
      case 0:
        return join(input, at, at + 1, Buffer.of(this.random(256)));
      case 1:
        return join(
          input,
          at,
          at + this.random(2),
          Buffer.of(oddBytes[this.random(oddBytes.length)] as number),
        );
      case 2:
        return join(input, at, to, Buffer.alloc(0));
      case 3:
        return join(input, at, at, input.subarray(at, to));
      case 4:
        return join(input, at, at, repeat(input.subarray(at, to), 1 + this.random(20)));
      case 5:
        return this.#changeNumber(input);
      case 6: {
        const other = this.#oneOf(corpus);
        const from = this.random(other.length + 1);
        return join(input, at, at, other.subarray(from, from + this.#length()));
      }
      case 7: {
        const other = this.#oneOf(corpus);
        return Buffer.concat([input.subarray(0, at), other.subarray(this.random(other.length + 1))]);
      }
      case 8:
        return this.#changeCase(input, at, to);
      default:
        if (this.#tokens.length === 0) return input;
        return join(input, at, this.random(3) === 0 ? to : at, this.#oneOf(this.#tokens));
    }
  }

  #changeNumber(input: Buffer): Buffer {
    const found = [...input.toString('latin1').matchAll(digits)];
    if (found.length === 0) return input;
    const { 0: text, index } = this.#oneOf(found);
    const near = String(Math.max(0, Number(text) + this.random(5) - 2));
    const number = this.random(2) === 0 ? near : this.#oneOf(oddNumbers);
    return join(input, index, index + text.length, Buffer.from(number));
  }

  #changeCase(input: Buffer, from: number, to: number): Buffer {
    const text = input.toString('latin1', from, to);
    const upper = text.toUpperCase();
    return join(input, from, to, Buffer.from(text === upper ? text.toLowerCase() : upper, 'latin1'));
  }

  /** Mostly short. */
  #length(): number {
    return 1 + this.random(2 ** (1 + this.random(7)));
  }

  #oneOf<T>(all: readonly T[]): T {
    return all[this.random(all.length)] as T;
  }
}

function join(input: Buffer, from: number, to: number, middle: Buffer): Buffer {
  return Buffer.concat([input.subarray(0, from), middle, input.subarray(to)]);
}

function repeat(piece: Buffer, times: number): Buffer {
  return Buffer.concat(Array.from({ length: times }, () => piece));
}
