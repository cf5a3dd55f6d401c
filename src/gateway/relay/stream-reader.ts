/**
 * Reads in passing the facts that a stream reports about itself: whether the stream is complete, whether it reported an
 * error, its token usage, and how much text the model wrote.
 *
 * A native search for a few bytes keeps this cheap, since most events do not contain them. Only where they occur does
 * the scan walk the JSON member by member. Text of a model cannot cause a false match: an SSE mark counts only as a
 * whole line, and a JSON member only at the depth where its dialect puts the member.
 *
 *   openai     data: [DONE], or choices[].finish_reason      usage at the top of a chunk
 *   anthropic  event message_stop                            message.usage, then usage of message_delta
 *   responses  event response.completed and its kin          response.usage
 *   ollama     "done": true in a line                        eval counts in the same line
 */
import type { CacheUse } from '../../core/usage/cache-use.ts';
import type { TerminalMark } from '../routes.ts';
import { BackwardJsonReader, isBlank, skipBlanks, startsWith } from './backward-json-reader.ts';
import type { EventFraming } from './event-end.ts';
import type { EventReader } from './event-relay.ts';
import { TailBuffer } from './tail-buffer.ts';
import { TokenCounts, type Usage, usageMark } from './token-counts.ts';
import { TokenEstimator } from './token-estimator.ts';

/** How many bytes of the end of a very large event are kept, to find its usage. */
const pieceTail = 16 * 1024;

/** Ends of names. Searched without the opening quote, like `usageMark`. */
const marks = {
  usage: usageMark,
  finish: 'finish_reason"',
  done: 'done"',
} as const;

const names = {
  finish: Buffer.from('finish_reason'),
  done: Buffer.from('done'),
} as const;

const lines = {
  data: Buffer.from('data:'),
  event: Buffer.from('event:'),
  done: Buffer.from('[DONE]'),
  error: Buffer.from('"error"'),
  type: Buffer.from('"type"'),
  delta: Buffer.from('delta'),
} as const;

/** Kinds of events that end a stream or report an error; as the `event` field or as the first member `type`. */
const endings: Readonly<Record<TerminalMark, readonly Buffer[]>> = {
  openai: [],
  anthropic: [Buffer.from('message_stop')],
  responses: ['response.completed', 'response.failed', 'response.incomplete'].map((name) =>
    Buffer.from(name),
  ),
  ollama: [],
  none: [],
};
/** No kind of event that ends or breaks a stream has a longer name. */
const maxKindBytes = 64;
const errors = ['error', 'response.failed'].map((name) => Buffer.from(name));

const lf = 0x0a;
const cr = 0x0d;
const quote = 0x22;
const backslash = 0x5c;
const openBrace = 0x7b;
/** choices[].finish_reason: the chunk, the list, the choice. */
const finishDepth = 3;

export class StreamReader implements EventReader {
  readonly #end: TerminalMark;
  readonly #framing: EventFraming;
  readonly #endings: readonly Buffer[];
  /** Anthropic and Responses put the first usage into an object of the event. */
  readonly #usageDepth: 1 | 2;
  /** The stream showed its terminal mark, or a finish reason. */
  terminated = false;
  /** The stream showed its last event: usage can only occur before it. */
  complete = false;
  /** Counts the text that the model wrote. */
  readonly text = new TokenEstimator();
  /** The kind of the current event, where a line of its own names the kind. */
  #isDelta: boolean | undefined;
  /** The engine itself reported an error. */
  errorSeen = false;
  readonly #tail = new BackwardJsonReader();
  readonly #counts = new TokenCounts(this.#tail);
  #piece: TailBuffer | undefined;

  constructor(end: TerminalMark, framing: EventFraming) {
    this.#end = end;
    this.#framing = framing;
    this.#endings = endings[end];
    this.#usageDepth = end === 'anthropic' || end === 'responses' ? 2 : 1;
  }

  get usage(): Usage | undefined {
    return this.#counts.usage;
  }

  /** Also known for a stream without usage, if the engine reports it in the last chunk. */
  get cache(): CacheUse | undefined {
    return this.#counts.cache;
  }

  events(buffer: Buffer, from: number, to: number, text = buffer.toString('latin1', from, to)): void {
    this.#readLines(buffer, from, to);
    if (this.#mayHaveMembers(text)) this.#readMembers(buffer.subarray(from, to));
  }

  piece(buffer: Buffer, from: number, to: number, first: boolean, last: boolean): void {
    if (first) {
      this.#piece = new TailBuffer(pieceTail);
      // The kind of an event is at its beginning.
      this.#readLines(buffer, from, to);
    } else this.text.part(buffer, from, to);
    this.#piece?.add(buffer, from, to);
    if (!last || this.#piece === undefined) return;
    this.#readMembers(this.#piece.bytes());
    this.#piece = undefined;
  }

  // --- lines

  #readLines(text: Buffer, from: number, to: number): void {
    // An event stream that ends its lines in CR alone has no LF anywhere.
    const end = text[to - 1] === lf || hasLf(text, from, to) ? lf : cr;
    for (let at = from; at < to; ) {
      const found = text.indexOf(end, at);
      const lineTo = found < 0 || found > to ? to : found;
      if (this.#framing === 'ndjson') this.#readEvent(text, at, lineTo);
      else this.#readLine(text, at, lineTo);
      at = lineTo + 1;
      // The blank line between events, found without a search.
      while (at < to && (text[at] === lf || text[at] === cr)) at += 1;
    }
  }

  #readLine(text: Buffer, from: number, to: number): void {
    if (isAt(text, from, to, lines.data)) {
      const at = skipBlanks(text, from + lines.data.length, to);
      if (at < to && text[at] === openBrace) this.#readEvent(text, at, to);
      else if (isWhole(text, at, to, lines.done) && (this.#end === 'openai' || this.#end === 'ollama'))
        this.terminated = this.complete = true;
    } else if (isAt(text, from, to, lines.event)) {
      this.#readKind(text, skipBlanks(text, from + lines.event.length, to), to);
    }
  }

  /** The JSON of an event. In dialects that name their events, only events with text are counted. */
  #readEvent(text: Buffer, from: number, to: number): void {
    this.#readObject(text, from, to);
    if (this.#usageDepth === 1 || this.#isDelta !== false) this.text.event(text, from, to);
    this.#isDelta = undefined;
  }

  /** The first member of an event's JSON: `{"error": ...` or `{"type": "error"`. */
  #readObject(text: Buffer, from: number, to: number): void {
    const name = skipBlanks(text, skipBlanks(text, from, to) + 1, to);
    if (name >= to || text[name] !== quote) return;
    if (isAt(text, name, to, lines.error)) {
      const value = memberValue(text, name + lines.error.length, to);
      if (value < to && (text[value] === openBrace || text[value] === quote)) this.errorSeen = true;
    } else if (isAt(text, name, to, lines.type) && this.#framing === 'sse') {
      const value = memberValue(text, name + lines.type.length, to);
      if (value >= to || text[value] !== quote) return;
      const longest = Math.min(to, value + 2 + maxKindBytes);
      for (let end = value + 1; end < longest; end++) {
        if (text[end] === quote) return this.#readKind(text, value + 1, end);
      }
    }
  }

  #readKind(text: Buffer, from: number, to: number): void {
    this.#isDelta = endsIn(text, from, to, lines.delta);
    for (const kind of this.#endings) {
      if (isWhole(text, from, to, kind)) this.terminated = this.complete = true;
    }
    for (const kind of errors) if (isWhole(text, from, to, kind)) this.errorSeen = true;
  }

  // --- members

  /** False if no event has a member that `#readMembers` would read. */
  #mayHaveMembers(text: string): boolean {
    if ((this.#end === 'ollama' || this.#framing === 'ndjson') && hasValue(text, marks.done, 'f'))
      return true;
    if (this.#framing === 'ndjson') return false;
    if (hasValue(text, marks.usage, 'n')) return true;
    return !this.terminated && this.#end === 'openai' && hasValue(text, marks.finish, 'n');
  }

  // One walk for each line, continued from its end: many names at a wrong depth must not cost a walk each.

  #readMembers(text: Buffer): void {
    const to = text.length;
    let floor = 0;
    if (this.#end === 'ollama' || this.#framing === 'ndjson') {
      for (let at = memberAt(text, marks.done, 0); at >= 0; at = memberAt(text, marks.done, at)) {
        // `true`: no other JSON value begins with t.
        if (text[memberValue(text, at, to)] === 0x74) floor = at = this.#readDone(text, floor, at);
      }
    }
    if (this.#framing === 'ndjson') return;
    floor = 0;
    for (let at = memberAt(text, marks.usage, 0); at >= 0; at = memberAt(text, marks.usage, at)) {
      // Most events have null, or no value.
      if (text[memberValue(text, at, to)] !== openBrace) continue;
      const end = lineEnd(text, at);
      this.#counts.read(text, lineStart(text, floor, at), end, this.#usageDepth);
      floor = at = end;
    }
    if (this.terminated || this.#end !== 'openai') return;
    floor = 0;
    for (let at = memberAt(text, marks.finish, 0); at >= 0; at = memberAt(text, marks.finish, at)) {
      const value = memberValue(text, at, to);
      // Some engines send "" while the stream continues.
      if (text[value] === quote && text[value + 1] !== quote) floor = at = this.#readFinish(text, floor, at);
    }
  }

  #readDone(text: Buffer, floor: number, at: number): number {
    const from = lineStart(text, floor, at);
    const to = lineEnd(text, at);
    const tail = this.#tail;
    tail.begin(text, from, to);
    while (tail.previous()) {
      if (tail.depth === 1 && tail.isNamed(names.done) && tail.valueByte === 0x74)
        this.terminated = this.complete = true;
    }
    this.#counts.read(text, from, to, 1);
    return to;
  }

  #readFinish(text: Buffer, floor: number, at: number): number {
    const to = lineEnd(text, at);
    const tail = this.#tail;
    tail.begin(text, lineStart(text, floor, at), to);
    while (tail.previous()) {
      if (tail.depth === finishDepth && tail.isNamed(names.finish) && tail.isText) this.terminated = true;
      else this.#counts.readTimings();
    }
    return to;
  }
}

/**
 * Whether a member whose name ends in `mark` has another value than the usual one, which begins with `usual`: null or
 * false. Also true for a text that cannot be read so quickly. A search in a string costs a fraction of one in a buffer.
 */
function hasValue(text: string, mark: string, usual: 'n' | 'f'): boolean {
  for (let at = text.indexOf(mark); at >= 0; at = text.indexOf(mark, at)) {
    at += mark.length;
    if (text[at] !== ':') return true;
    if (text[at + 1] !== usual && (text[at + 1] !== ' ' || text[at + 2] !== usual)) return true;
  }
  return false;
}

/** The position after the next member name that ends in `mark`, or -1. The match may still be inside of a string. */
function memberAt(text: Buffer, mark: string, from: number): number {
  for (let at = text.indexOf(mark, from); at >= 0; at = text.indexOf(mark, at + mark.length)) {
    if (text[at - 1] === quote && text[at - 2] !== backslash) return at + mark.length;
  }
  return -1;
}

/**
 * Returns the position of the first byte of a member's value, from the end of its name on. If there is no colon,
 * returns the position of the unexpected byte, or `to`.
 */
function memberValue(text: Buffer, from: number, to: number): number {
  const colon = skipBlanks(text, from, to);
  return colon < to && text[colon] === 0x3a ? skipBlanks(text, colon + 1, to) : colon;
}

/** Whether this word begins at `at` and ends before `to`. */
function isAt(text: Buffer, at: number, to: number, word: Buffer): boolean {
  return at + word.length <= to && startsWith(text, at, word);
}

/** Whether [from, to) is this word, ignoring blanks. */
function isWhole(text: Buffer, from: number, to: number, word: Buffer): boolean {
  const end = from + word.length;
  return isAt(text, from, to, word) && skipBlanks(text, end, to) >= to;
}

/** Whether [from, to) ends in this word, ignoring blanks. */
function endsIn(text: Buffer, from: number, to: number, word: Buffer): boolean {
  let end = to;
  while (end > from && isBlank(text[end - 1])) end -= 1;
  return end - word.length >= from && startsWith(text, end - word.length, word);
}

// A loop, not a native search: a native search does not stop at the end of the line. Usually one of the two kinds of
// line ends does not occur, and each line would then cost a search through all of the text.

function lineStart(text: Buffer, floor: number, at: number): number {
  let from = at;
  while (from > floor && text[from - 1] !== lf && text[from - 1] !== cr) from -= 1;
  return from;
}

function hasLf(text: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (text[at] === lf) return true;
  return false;
}

function lineEnd(text: Buffer, at: number): number {
  let to = at;
  while (to < text.length && text[to] !== lf && text[to] !== cr) to += 1;
  return to;
}
