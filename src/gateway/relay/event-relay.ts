/**
 * Relays the body of an event stream to the client: unchanged, without delay, and split only at the end of an event.
 *
 *   read ends with a chunk and an event        ->  the engine's framing is relayed unchanged, in one write
 *   any other read                             ->  flm frames the whole events; the incomplete rest is held
 *   an event above 64 KB                       ->  is relayed as it arrives; nothing can be inserted before its end
 *
 * Holding adds no delay: a client cannot use half an event. Because the client has only whole events, one error event
 * can follow at any time, except in the middle of a large event.
 */
import type { ChunkMap } from '../../core/engine/upstream.ts';
import type { ResponseWriter } from '../exchange.ts';
import { type EventFraming, endsEvent, firstEventEnd, lastEventEnd } from './event-end.ts';

/** Receives the events as they are relayed. An event is one SSE block or one NDJSON line, with its end. */
export interface EventReader {
  /** [from, to) is one or more whole events. `text`: these bytes as Latin-1, perhaps with framing around them. */
  events(buffer: Buffer, from: number, to: number, text?: string): void;
  /** A piece of an event that is too large to be held; `first` and `last` mark its ends. */
  piece(buffer: Buffer, from: number, to: number, first: boolean, last: boolean): void;
}

/** Tests one whole event, with its end. */
export type EventTest = (buffer: Buffer, from: number, to: number) => boolean;

const holdLimit = 64 * 1024;
/** The end of an event is at most four bytes long, so it can begin in the last three bytes that were sent. */
const overlap = 3;

export class EventRelay {
  readonly #reply: ResponseWriter;
  readonly #framing: EventFraming;
  readonly #reader: EventReader;
  readonly #drops: EventTest | undefined;
  #held = Buffer.allocUnsafe(0);
  #heldLength = 0;
  /** Part of an event above the limit was sent. */
  #open = false;
  #truncated = false;
  /** The last bytes that were sent, with room for as many of the next bytes. */
  readonly #tail = Buffer.alloc(2 * overlap);
  #tailLength = 0;

  /** Events for which `drops` returns true are not sent to the client; the reader receives them. */
  constructor(reply: ResponseWriter, framing: EventFraming, reader: EventReader, drops?: EventTest) {
    this.#drops = drops;
    this.#reply = reply;
    this.#framing = framing;
    this.#reader = reader;
  }

  /** Whether an event is partly sent: nothing can be inserted now. */
  get midEvent(): boolean {
    return this.#open;
  }

  /** Whether the stream ended in the middle of an event that was held. The client did not get that event. */
  get truncated(): boolean {
    return this.#truncated;
  }

  framed(buffer: Buffer, from: number, to: number, chunks: ChunkMap): boolean {
    if (
      this.#heldLength === 0 &&
      !this.#open &&
      this.#drops === undefined &&
      this.#reply.relaysFraming &&
      this.#endsAll(buffer, chunks)
    ) {
      const text = buffer.toString('latin1', from, to);
      const flowing = this.#reply.writeFramed(text);
      const ofChunk = chunks.count === 1 ? text : undefined;
      for (let i = 0; i < chunks.count; i++)
        this.#reader.events(buffer, chunks.starts[i] as number, chunks.ends[i] as number, ofChunk);
      return flowing;
    }
    let flowing = true;
    for (let i = 0; i < chunks.count; i++) {
      flowing = this.data(buffer, chunks.starts[i] as number, chunks.ends[i] as number) && flowing;
    }
    return flowing;
  }

  data(buffer: Buffer, from: number, to: number): boolean {
    let flowing = true;
    let at = from;
    if (this.#open) {
      const end = this.#eventEndAcross(buffer, at, to);
      const until = end < 0 ? to : end;
      flowing = this.#reply.write(buffer, at, until);
      this.#reader.piece(buffer, at, until, false, end >= 0);
      this.#rememberTail(buffer, at, until);
      if (end < 0) return flowing;
      this.#open = false;
      at = end;
    }
    if (at === to) return flowing;
    if (this.#heldLength === 0) {
      const border = lastEventEnd(this.#framing, buffer, at, to);
      if (border >= 0) {
        flowing = this.#write(buffer, at, border) && flowing;
        this.#reader.events(buffer, at, border);
        at = border;
      }
      if (at === to) return flowing;
      this.#hold(buffer, at, to);
    } else {
      const before = this.#heldLength;
      this.#hold(buffer, at, to);
      const searchFrom = Math.max(0, before - overlap);
      const border = lastEventEnd(this.#framing, this.#held, searchFrom, this.#heldLength);
      if (border >= 0) {
        flowing = this.#write(this.#held, 0, border) && flowing;
        this.#reader.events(this.#held, 0, border);
        this.#held.copyWithin(0, border, this.#heldLength);
        this.#heldLength -= border;
      }
    }
    if (this.#heldLength > holdLimit) {
      flowing = this.#reply.write(this.#held, 0, this.#heldLength) && flowing;
      this.#reader.piece(this.#held, 0, this.#heldLength, true, false);
      this.#open = true;
      this.#tailLength = 0;
      this.#rememberTail(this.#held, 0, this.#heldLength);
      this.#drop();
    }
    return flowing;
  }

  /**
   * Ends the stream after the engine ended its body. The held bytes are an event without its end. The reader receives
   * this event before `whole` is called. The client gets the event only if the stream is complete and the event lacks
   * nothing but its end: some engines leave out the last blank line. Otherwise the event may be truncated, also behind
   * the terminal mark, where usage and `[DONE]` follow.
   */
  finish(whole: () => boolean): void {
    if (this.#heldLength === 0) return;
    this.#reader.events(this.#held, 0, this.#heldLength);
    if (lacksOnlyItsEnd(this.#held.toString('utf8', 0, this.#heldLength))) {
      if (whole()) this.#write(this.#held, 0, this.#heldLength);
    } else this.#truncated = true;
    this.#drop();
  }

  /** Writes whole events. */
  #write(buffer: Buffer, from: number, to: number): boolean {
    const drops = this.#drops;
    if (drops === undefined) return this.#reply.write(buffer, from, to);
    let flowing = true;
    let kept = from;
    for (let at = from; at < to; ) {
      const border = firstEventEnd(this.#framing, buffer, at, to);
      const end = border < 0 ? to : border;
      if (drops(buffer, at, end)) {
        flowing = this.#reply.write(buffer, kept, at) && flowing;
        kept = end;
      }
      at = end;
    }
    return this.#reply.write(buffer, kept, to) && flowing;
  }

  #endsAll(buffer: Buffer, chunks: ChunkMap): boolean {
    for (let i = 0; i < chunks.count; i++) {
      if (!endsEvent(this.#framing, buffer, chunks.starts[i] as number, chunks.ends[i] as number))
        return false;
    }
    return true;
  }

  #hold(buffer: Buffer, from: number, to: number): void {
    const needed = this.#heldLength + to - from;
    if (needed > this.#held.length) {
      const grown = Buffer.allocUnsafe(Math.max(4096, needed * 2));
      this.#held.copy(grown, 0, 0, this.#heldLength);
      this.#held = grown;
    }
    buffer.copy(this.#held, this.#heldLength, from, to);
    this.#heldLength = needed;
  }

  #drop(): void {
    this.#heldLength = 0;
    if (this.#held.length > holdLimit) this.#held = Buffer.allocUnsafe(0);
  }

  /** Finds the first end of the open event. The end may begin in bytes that were already sent. */
  #eventEndAcross(buffer: Buffer, from: number, to: number): number {
    const seam = this.#tail;
    const before = this.#tailLength;
    const length = before + buffer.copy(seam, before, from, Math.min(to, from + overlap));
    for (let end = before + 1; end <= length; end++) {
      if (endsEvent(this.#framing, seam, 0, end)) return from + end - before;
    }
    return firstEventEnd(this.#framing, buffer, from, to);
  }

  #rememberTail(buffer: Buffer, from: number, to: number): void {
    const tail = this.#tail;
    const length = this.#tailLength + buffer.copy(tail, this.#tailLength, Math.max(from, to - overlap), to);
    const kept = Math.min(overlap, length);
    tail.copyWithin(0, length - kept, length);
    this.#tailLength = kept;
  }
}

/** Whether the last line of an event is whole: its end has come, or its data are `[DONE]` or a JSON document. */
function lacksOnlyItsEnd(event: string): boolean {
  const line = event.slice(Math.max(event.lastIndexOf('\n'), event.lastIndexOf('\r')) + 1);
  if (line === '') return true;
  const data = line.replace(/^data: ?/, '');
  if (data === '[DONE]') return true;
  try {
    JSON.parse(data);
    return true;
  } catch {
    return false;
  }
}
