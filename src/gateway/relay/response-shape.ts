/**
 * Decides by the first bytes whether a response is an event stream or one whole body. Some engines send events under
 * `application/json` or `text/plain`, and one JSON object under `text/event-stream`.
 *
 *   data: event: id: retry: :          an event stream
 *   { or [                             one whole JSON body, except in Ollama's dialect:
 *   {...} LF                           lines of JSON, if a stream was requested or the first line is not the last
 *   other bytes                        as the content type says
 *
 * Undecided bytes are held: at most 1 KB, or 64 KB of a first line of JSON.
 */
import { GatheredBytes } from '../../core/gathered-bytes.ts';
import type { TerminalMark } from '../routes.ts';
import { BackwardJsonReader, isBlank, startsWith } from './backward-json-reader.ts';
import type { EventFraming } from './event-end.ts';

export type ResponseShape = EventFraming | 'whole';

const maxPrefixBytes = 1024;
const maxLineBytes = 64 * 1024;

const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);
const fields = ['data:', 'event:', 'id:', 'retry:'].map((name) => Buffer.from(name));
const done = Buffer.from('done');

const lf = 0x0a;
const colon = 0x3a;
const openBrace = 0x7b;
const openBracket = 0x5b;
const closeBrace = 0x7d;

export class ResponseShapeReader {
  readonly #asked: boolean;
  readonly #declared: EventFraming | undefined;
  readonly #isLines: boolean;
  /** Room for one read more than the undecided bytes. */
  readonly #held = new GatheredBytes(3 * maxLineBytes);
  /** The first byte that is not blank, as far as the search got. */
  #start = 0;
  /** No line feed occurs before this position. */
  #searched = 0;

  /** `asked`: the request asked for a stream. `declared`: the framing that the content type names. */
  constructor(asked: boolean, declared: EventFraming | undefined, end: TerminalMark) {
    this.#asked = asked;
    this.#declared = declared;
    this.#isLines = end === 'ollama';
  }

  /** The undecided bytes. */
  get held(): Buffer {
    return this.#held.bytes();
  }

  /** Whether all bytes so far are blanks. */
  get isBlank(): boolean {
    return this.#start === this.#held.length;
  }

  /** Reads more bytes. Returns undefined while they do not decide; they are then part of `held`. */
  read(buffer: Buffer, from: number, to: number): ResponseShape | undefined {
    if (this.#held.length === 0) {
      const shape = this.#look(buffer.subarray(from, to), false);
      if (shape === undefined) this.#held.add(buffer, from, to);
      return shape;
    }
    // The new bytes are checked together with the held bytes. They are held even if they decide.
    this.#held.add(buffer, from, to);
    return this.#look(this.#held.bytes(), false);
  }

  /** Decides at the end of the response. */
  end(): ResponseShape {
    return this.#look(this.#held.bytes(), true) ?? 'whole';
  }

  #look(text: Buffer, over: boolean): ResponseShape | undefined {
    const usual = this.#declared ?? 'whole';
    if (this.#start === 0 && text.length > 0 && startsWith(text, 0, byteOrderMark.subarray(0, text.length))) {
      if (text.length < byteOrderMark.length) return over ? usual : undefined;
      this.#start = byteOrderMark.length;
    }
    while (this.#start < text.length && isBlank(text[this.#start])) this.#start += 1;
    const start = this.#start;
    if (start === text.length) return over || start >= maxPrefixBytes ? usual : undefined;
    const first = text[start];
    if (first === openBrace || first === openBracket) {
      if (this.#declared === 'ndjson') return 'ndjson';
      return this.#isLines ? this.#firstLine(text, over) : 'whole';
    }
    if (this.#declared === 'sse' || first === colon) return 'sse';
    const left = text.length - start;
    for (const field of fields) {
      if (!startsWith(text, start, field.subarray(0, left))) continue;
      if (left >= field.length) return 'sse';
      return over ? usual : undefined;
    }
    return usual;
  }

  /** For a dialect that streams lines: decides whether the first line is one of several. */
  #firstLine(text: Buffer, over: boolean): ResponseShape | undefined {
    const found = text.indexOf(lf, Math.max(this.#start, this.#searched));
    this.#searched = text.length;
    if (found < 0 && !over) {
      if (text.length - this.#start <= maxLineBytes) return undefined;
      return this.#asked ? 'ndjson' : 'whole';
    }
    let end = found < 0 ? text.length : found;
    while (end > this.#start && isBlank(text[end - 1])) end -= 1;
    // One indented object on several lines.
    if (found >= 0 && text[end - 1] !== closeBrace) return 'whole';
    return (this.#asked && found >= 0) || goesOn(text, this.#start, end) ? 'ndjson' : 'whole';
  }
}

/** Whether the object at [from, to) announces further objects. */
function goesOn(text: Buffer, from: number, to: number): boolean {
  const tail = new BackwardJsonReader();
  tail.begin(text, from, to);
  while (tail.previous()) {
    if (tail.depth === 1 && tail.isNamed(done)) return tail.valueByte === 0x66;
  }
  return false;
}
