/**
 * Estimates the tokens of a response from its bytes, if the engine reports no usage or the client left before the end.
 * Each event costs two additions only; the rest is computed when the estimate is needed.
 *
 *   events   at least one token each; more if their text is longer than a token
 *   whole    by the bytes of the text; sounds and images do not count
 */
import { bytesPerToken } from '../../core/security/token-charge.ts';
import { TextByteCounter } from '../text-byte-counter.ts';

/** The JSON around the text of a whole response. */
const wrappingBytes = 300;
/** An event larger than this may carry base64 data. */
const largeBytes = 1024;
const maxSamples = 3;
/** The JSON around the text of an event, if the samples do not show it. */
const usualWrappingBytes = 190;

export class TokenEstimator {
  #events = 0;
  #eventBytes = 0;
  /** The first events. They show how much of an event is text. */
  readonly #samples: Buffer[] = [];
  #counter: TextByteCounter | undefined;
  /** Known once all samples are there: the list of running requests asks for the tokens again and again. */
  #wrapping: number | undefined;

  /** Adds one event: its JSON, or the beginning of the JSON, at [from, to). */
  event(buffer: Buffer, from: number, to: number): void {
    const size = to - from;
    this.#events += 1;
    if (size <= largeBytes) {
      this.#eventBytes += size;
      if (this.#samples.length < maxSamples) this.#samples.push(Buffer.from(buffer.subarray(from, to)));
      return;
    }
    const counter = new TextByteCounter();
    counter.add(buffer, from, to, true);
    this.#eventBytes += counter.textBytes;
  }

  /** Adds more bytes of the last event, or a part of a whole response; `isLast`: no part follows. */
  part(buffer: Buffer, from: number, to: number, isLast = false): void {
    this.#counter ??= new TextByteCounter();
    this.#counter.add(buffer, from, to, isLast);
  }

  get tokens(): number {
    const partBytes = this.#counter?.textBytes ?? 0;
    if (this.#events === 0) return Math.max(0, partBytes - wrappingBytes) / bytesPerToken;
    const wrapping = this.#wrapping ?? Math.min(usualWrappingBytes * 2, ...this.#samples.map(wrappingOf));
    if (this.#samples.length === maxSamples) this.#wrapping = wrapping;
    const text = this.#eventBytes - this.#events * wrapping + partBytes;
    return Math.max(this.#events, text / bytesPerToken);
  }
}

/** The names under which the APIs put generated text. */
const textNames = new Set([
  'content',
  'text',
  'delta',
  'response',
  'thinking',
  'reasoning',
  'reasoning_content',
  'partial_json',
  'arguments',
  'refusal',
]);
const maxDepth = 8;

/** Bytes of an event that are not generated text. */
function wrappingOf(event: Buffer): number {
  try {
    return event.length - textIn(JSON.parse(event.toString()), maxDepth);
  } catch {
    return Math.min(event.length, usualWrappingBytes);
  }
}

function textIn(value: unknown, depth: number): number {
  if (value === null || typeof value !== 'object' || depth === 0) return 0;
  let bytes = 0;
  for (const [name, member] of Object.entries(value)) {
    if (typeof member !== 'string') bytes += textIn(member, depth - 1);
    else if (textNames.has(name)) bytes += Buffer.byteLength(JSON.stringify(member)) - 2;
  }
  return bytes;
}
