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
import { BackwardJsonReader, isBlank } from './backward-json-reader.ts';
import type { EventFraming } from './event-end.ts';

export type ResponseShape = EventFraming | 'whole';

const maxPrefixBytes = 1024;
const maxLineBytes = 64 * 1024;

const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);
const fields = ['data:', 'event:', 'id:', 'retry:'].map((name) => Buffer.from(name));
const done = Buffer.from('done');
const nothing = Buffer.alloc(0);

const lf = 0x0a;
const colon = 0x3a;
const openBrace = 0x7b;
const openBracket = 0x5b;
const closeBrace = 0x7d;

export class ResponseShapeReader {
  readonly #asked: boolean;
  readonly #declared: EventFraming | undefined;
  readonly #isLines: boolean;
  /** Has room for one read more than the undecided bytes. Most responses are decided by their first read. */
  #held: GatheredBytes | undefined;
  /** How many bytes were searched for the first byte that is not blank. */
  #start = 0;
  /** No line feed occurs in so many first bytes. */
  #searched = 0;

  /** `asked`: the request asked for a stream. `declared`: the framing that the content type names. */
  constructor(asked: boolean, declared: EventFraming | undefined, end: TerminalMark) {
    this.#asked = asked;
    this.#declared = declared;
    this.#isLines = end === 'ollama';
  }

  /** The undecided bytes. */
  get held(): Buffer {
    return this.#held?.bytes() ?? nothing;
  }

  /** Whether all bytes so far are blanks. */
  get isBlank(): boolean {
    return this.#start === (this.#held?.length ?? 0);
  }

  /** Reads more bytes. Returns undefined while they do not decide; they are then part of `held`. */
  read(buffer: Buffer, from: number, to: number): ResponseShape | undefined {
    if (this.#held === undefined) {
      const shape = this.#look(buffer, from, to, false);
      if (shape !== undefined || from === to) return shape;
      this.#held = new GatheredBytes(3 * maxLineBytes);
      this.#held.add(buffer, from, to);
      return undefined;
    }
    // The new bytes are checked together with the held bytes. They are held even if they decide.
    this.#held.add(buffer, from, to);
    return this.#look(this.#held.bytes(), 0, this.#held.length, false);
  }

  /** Decides at the end of the response. */
  end(): ResponseShape {
    const { held } = this;
    return this.#look(held, 0, held.length, true) ?? 'whole';
  }

  /** [from, to) are all bytes so far. */
  #look(text: Buffer, from: number, to: number, over: boolean): ResponseShape | undefined {
    const usual = this.#declared ?? 'whole';
    if (this.#start === 0 && from < to && agrees(text, from, to, byteOrderMark)) {
      if (to - from < byteOrderMark.length) return over ? usual : undefined;
      this.#start = byteOrderMark.length;
    }
    let start = from + this.#start;
    while (start < to && isBlank(text[start])) start += 1;
    this.#start = start - from;
    if (start === to) return over || this.#start >= maxPrefixBytes ? usual : undefined;
    const first = text[start];
    if (first === openBrace || first === openBracket) {
      if (this.#declared === 'ndjson') return 'ndjson';
      return this.#isLines ? this.#firstLine(text, from, to, over) : 'whole';
    }
    if (this.#declared === 'sse' || first === colon) return 'sse';
    for (const field of fields) {
      if (!agrees(text, start, to, field)) continue;
      if (to - start >= field.length) return 'sse';
      return over ? usual : undefined;
    }
    return usual;
  }

  /** For a dialect that streams lines: decides whether the first line is one of several. */
  #firstLine(text: Buffer, from: number, to: number, over: boolean): ResponseShape | undefined {
    const start = from + this.#start;
    const found = text.subarray(0, to).indexOf(lf, Math.max(start, from + this.#searched));
    this.#searched = to - from;
    if (found < 0 && !over) {
      if (to - start <= maxLineBytes) return undefined;
      return this.#asked ? 'ndjson' : 'whole';
    }
    let end = found < 0 ? to : found;
    while (end > start && isBlank(text[end - 1])) end -= 1;
    // One indented object on several lines.
    if (found >= 0 && text[end - 1] !== closeBrace) return 'whole';
    return (this.#asked && found >= 0) || goesOn(text, start, end) ? 'ndjson' : 'whole';
  }
}

/** Whether [from, to) begins with `start`, or is a beginning of `start`. */
function agrees(text: Buffer, from: number, to: number, start: Buffer): boolean {
  const length = Math.min(start.length, to - from);
  for (let i = 0; i < length; i++) if (text[from + i] !== start[i]) return false;
  return true;
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
