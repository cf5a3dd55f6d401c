/**
 * Reads in passing what a stream says about itself: whether it is whole, whether it told an error, what it cost.
 *
 * Cheap by searching for a few bytes and looking closer only where they stand. Text that a model writes cannot fool it:
 * inside JSON a quote is escaped, so an unescaped `"usage":` is a name, and a terminal mark counts only where its dialect
 * puts it.
 */
import type { TerminalMark } from '../routes.ts';
import type { EventReader } from './event-relay.ts';
import type { EventFraming } from './event-border.ts';

export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** What is kept of an event's end that is too large to be held, to find its usage in. */
const pieceTail = 4 * 1024;

const marks = {
  usage: Buffer.from('"usage"'),
  evalCount: Buffer.from('eval_count"'),
  error: Buffer.from('"error"'),
  doneLine: Buffer.from('[DONE]'),
  finish: Buffer.from('"finish_reason"'),
  messageStop: Buffer.from('message_stop'),
  response: Buffer.from('response.'),
  done: Buffer.from('"done"'),
} as const;

export class StreamReader implements EventReader {
  readonly #end: TerminalMark;
  readonly #framing: EventFraming;
  /** The stream showed its terminal mark. */
  terminated = false;
  /** The engine itself told an error. */
  errorSeen = false;
  #input: number | undefined;
  #output: number | undefined;
  #tail: Buffer | undefined;

  constructor(end: TerminalMark, framing: EventFraming) {
    this.#end = end;
    this.#framing = framing;
  }

  get usage(): Usage | undefined {
    if (this.#input === undefined && this.#output === undefined) return undefined;
    return { inputTokens: this.#input ?? 0, outputTokens: this.#output ?? 0 };
  }

  events(buffer: Buffer, from: number, to: number): void {
    const text = buffer.subarray(from, to);
    this.#readUsage(text);
    if (!this.errorSeen && text.includes(marks.error)) this.#readError(text);
    if (!this.terminated && this.#end !== 'none') this.#readEnd(text);
  }

  piece(buffer: Buffer, from: number, to: number, first: boolean, last: boolean): void {
    const text = buffer.subarray(from, to);
    if (first) {
      this.#tail = undefined;
      // The kind of an event stands at its beginning, so a torso tells it too.
      if (!this.terminated) this.#readEnd(text);
    }
    const joined = this.#tail === undefined ? Buffer.from(text.subarray(-pieceTail)) : Buffer.concat([this.#tail, text.subarray(-pieceTail)]);
    this.#tail = joined.length > pieceTail * 2 ? joined.subarray(-pieceTail * 2) : joined;
    if (!last) return;
    this.#readUsage(this.#tail);
    if (!this.terminated) this.#readEnd(this.#tail);
    this.#tail = undefined;
  }

  #readUsage(text: Buffer): void {
    if (this.#framing === 'ndjson') {
      if (!text.includes(marks.evalCount)) return;
      const found = text.toString('latin1');
      this.#input = lastNumber(found, promptEval) ?? this.#input;
      this.#output = lastNumber(found, evalCount) ?? this.#output;
      return;
    }
    // Most events say `"usage":null`, or nothing.
    if (!holds(text, marks.usage, openBrace)) return;
    const found = text.toString('latin1');
    // Zero in an early event (some engines send one with each) must not hide what a later one says, nor the other way.
    this.#input = larger(this.#input, lastNumber(found, inputTokens));
    this.#output = larger(this.#output, lastNumber(found, outputTokens));
  }

  /** An error at the top of an event's JSON: `{"error":...`, or `event: error`. */
  #readError(text: Buffer): void {
    if (this.#framing === 'ndjson' ? topError.test(text.toString('latin1')) : sseError.test(text.toString('latin1'))) this.errorSeen = true;
  }

  #readEnd(text: Buffer): void {
    switch (this.#end) {
      case 'openai':
        this.terminated = (text.includes(marks.doneLine) && doneLine.test(text.toString('latin1'))) || holds(text, marks.finish, quote);
        return;
      case 'anthropic':
        this.terminated = text.includes(marks.messageStop) && messageStop.test(text.toString('latin1'));
        return;
      case 'responses':
        this.terminated = text.includes(marks.response) && responseEnd.test(text.toString('latin1'));
        return;
      case 'ollama':
        this.terminated =
          this.#framing === 'ndjson' ? text.includes(marks.done) && doneTrue.test(text.toString('latin1')) : text.includes(marks.doneLine);
        return;
      case 'none':
        return;
      default:
        this.#end satisfies never;
    }
  }
}

/** Usage in a whole JSON answer, or in the end of one. */
export function bodyUsage(body: Buffer): Usage | undefined {
  const usage = body.includes(marks.usage);
  if (!usage && !body.includes(marks.evalCount)) return undefined;
  const text = body.toString('latin1');
  const input = usage ? lastNumber(text, inputTokens) : lastNumber(text, promptEval);
  const output = usage ? lastNumber(text, outputTokens) : lastNumber(text, evalCount);
  return input === undefined && output === undefined ? undefined : { inputTokens: input ?? 0, outputTokens: output ?? 0 };
}

// An unescaped quote before a name cannot stand inside a JSON string: there it would be escaped.
const inputTokens = /(?<!\\)"(?:prompt_tokens|input_tokens)"\s*:\s*(\d{1,15})/g;
const outputTokens = /(?<!\\)"(?:completion_tokens|output_tokens)"\s*:\s*(\d{1,15})/g;
const promptEval = /(?<!\\)"prompt_eval_count"\s*:\s*(\d{1,15})/g;
const evalCount = /(?<!\\)"eval_count"\s*:\s*(\d{1,15})/g;
const doneTrue = /(?<!\\)"done"\s*:\s*true/;
const topError = /^\s*\{\s*"error"\s*:/m;
const sseError = /(?:^|[\r\n])(?:event:[ \t]*(?:error|response\.failed)[ \t]*(?=[\r\n])|data:[ \t]*\{\s*(?:"type"\s*:\s*"error"|"error"\s*:\s*[{"]))/;
const doneLine = /(?:^|[\r\n])data:[ \t]*\[DONE\][ \t]*(?=[\r\n]|$)/;
const messageStop = /(?:^|[\r\n])(?:event:[ \t]*message_stop[ \t]*(?=[\r\n])|data:[^\r\n]*?(?<!\\)"type"\s*:\s*"message_stop")/;
const responseEnd = /(?:^|[\r\n])(?:event:[ \t]*response\.(?:completed|failed|incomplete)[ \t]*(?=[\r\n])|data:[ \t]*\{[^\r\n]{0,200}?(?<!\\)"type"\s*:\s*"response\.(?:completed|failed|incomplete)")/;

const openBrace = 0x7b;
const quote = 0x22;
const colon = 0x3a;
const backslash = 0x5c;

/** Whether a value that begins with `first` stands behind an unescaped `name`, anywhere. */
function holds(text: Buffer, name: Buffer, first: number): boolean {
  for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + name.length)) {
    if (text[at - 1] === backslash) continue;
    let next = at + name.length;
    while (text[next] === 0x20) next++;
    if (text[next] !== colon) continue;
    next += 1;
    while (text[next] === 0x20) next++;
    if (text[next] === first) return true;
  }
  return false;
}

function lastNumber(text: string, pattern: RegExp): number | undefined {
  let found: number | undefined;
  for (const match of text.matchAll(pattern)) found = Number(match[1]);
  return found;
}

function larger(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined ? b : b === undefined ? a : Math.max(a, b);
}
