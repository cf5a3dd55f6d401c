/**
 * Collects the facts about a request body that the rules check: the model, the stream flag, and the other watched
 * values. A watched value is kept as JSON text, or as `"..."`, `[...]` or `{...}` if it is long or nested.
 *
 * Rejects values that a rule and an engine could read differently. Each `take` method returns the reason, or undefined.
 */
import type { BodyFacts, FieldPlace, FirstMessages, NamedModel } from '../../core/engine/routes.ts';
import { unquote } from './json-tokens.ts';

export const maxModelBytes = 1024;
export const maxValueBytes = 256;
/** Every character of the model's name may be written as an escape; the two quotes come on top. */
export const maxModelToken = maxModelBytes * 6 + 2;
export const maxValueToken = maxValueBytes + 2;
/** A thousand tools of one type count as one value. No honest request has this many different values. */
const maxDistinct = 64;

export const modelNotText = '"model" is not a string';
export const modelTooLong = `"model" is longer than ${maxModelBytes} bytes`;
export const modelNotPlain = '"model" is not plain text';
export const nameNotText = '"name" is not a string';
export const nameTooLong = `"name" is longer than ${maxModelBytes} bytes`;
const nameNotPlain = '"name" is not plain text';
export const streamNotFlag = '"stream" is not true or false';

const noValues: ReadonlyMap<string, readonly string[]> = new Map();
const quote = 0x22;
const letterN = 0x6e;

export class BodyFactsCollector {
  #model: string | undefined;
  #modelRange: readonly [from: number, to: number] | undefined;
  #alsoNamed: NamedModel | undefined;
  #stream: boolean | undefined;
  #values: Map<string, string[]> | undefined;
  /** The values of each path that has two or more, to detect repeated values. */
  #distinct: Map<string, Set<string>> | undefined;

  facts(fieldPlace: FieldPlace, firstMessages?: FirstMessages): BodyFacts {
    const facts: BodyFacts = {
      fieldPlace,
      firstMessages,
      model: this.#model,
      modelRange: this.#modelRange,
      stream: this.#stream,
      values: this.#values ?? noValues,
    };
    return this.#alsoNamed === undefined ? facts : { ...facts, alsoNamed: this.#alsoNamed };
  }

  /** Takes the token [from, to), which is at [bodyFrom, bodyTo) of the body. */
  takeModel(
    buffer: Buffer,
    from: number,
    to: number,
    escaped: boolean,
    bodyFrom: number,
    bodyTo: number,
  ): string | undefined {
    if (buffer[from] !== quote) return modelNotText;
    const model = textOf(buffer, from, to, escaped);
    if (isTooLong(model)) return modelTooLong;
    if (!isPlainText(model)) return modelNotPlain;
    this.#model = model;
    this.#modelRange = [bodyFrom, bodyTo];
    return undefined;
  }

  /** Like `takeModel`, for `name`. Go reads `null` as no name. */
  takeName(
    buffer: Buffer,
    from: number,
    to: number,
    escaped: boolean,
    bodyFrom: number,
    bodyTo: number,
  ): string | undefined {
    const first = buffer[from];
    if (first === letterN) return undefined;
    if (first !== quote) return nameNotText;
    const name = textOf(buffer, from, to, escaped);
    if (isTooLong(name)) return nameTooLong;
    if (!isPlainText(name)) return nameNotPlain;
    this.#alsoNamed = { name, range: [bodyFrom, bodyTo] };
    return undefined;
  }

  /** Decides by the first byte of the token, which is well formed. `null` sets no flag. */
  takeStream(first: number | undefined): string | undefined {
    if (first === 0x74) this.#stream = true;
    else if (first === 0x66) this.#stream = false;
    else if (first !== 0x6e) return streamNotFlag;
    return undefined;
  }

  takeValue(
    path: string,
    buffer: Buffer,
    from: number,
    to: number,
    escaped: boolean,
    tooLong: boolean,
  ): string | undefined {
    const isString = buffer[from] === quote;
    if (tooLong) return isString ? this.report(path, '"..."') : `"${path}" is too long`;
    const text = buffer.toString('utf8', from, to);
    // The same value must give the same text, because rules compare texts.
    return this.report(path, isString && escaped ? JSON.stringify(JSON.parse(text)) : text);
  }

  report(path: string, text: string): string | undefined {
    this.#values ??= new Map();
    const earlier = this.#values.get(path);
    if (earlier === undefined) {
      this.#values.set(path, [text]);
      return undefined;
    }
    // A path can have two values only below an array. Each different value is kept once.
    this.#distinct ??= new Map();
    let distinct = this.#distinct.get(path);
    if (distinct === undefined) {
      distinct = new Set(earlier);
      this.#distinct.set(path, distinct);
    }
    if (distinct.has(text)) return undefined;
    if (distinct.size >= maxDistinct) return `"${path}" has more than ${maxDistinct} different values`;
    distinct.add(text);
    earlier.push(text);
    return undefined;
  }
}

/**
 * Whether the name of a model holds neither control characters nor an unpaired surrogate. With these, engines in C, Go
 * and Python read different names from the same bytes.
 */
export function isPlainText(name: string): boolean {
  let ascii = true;
  for (let i = 0; i < name.length; i++) {
    const unit = name.charCodeAt(i);
    if (unit < 0x20 || unit === 0x7f) return false;
    if (unit > 0x7f) ascii = false;
  }
  return ascii || name.isWellFormed();
}

function textOf(buffer: Buffer, from: number, to: number, escaped: boolean): string {
  return escaped ? unquote(buffer.toString('utf8', from, to)) : buffer.toString('utf8', from + 1, to - 1);
}

function isTooLong(name: string): boolean {
  return name.length * 3 > maxModelBytes && Buffer.byteLength(name) > maxModelBytes;
}
