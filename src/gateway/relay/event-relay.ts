/**
 * The body of an event stream on its way to the client: unchanged, at once, and always cut at an event's end.
 *
 *   read ends on a chunk and an event border   ->  the engine's framing, as it is, in one write
 *   else                                       ->  whole events, framed anew; the unfinished rest is held
 *   an event above 64 KB                       ->  goes out as it comes; until it ends nothing can be put after it
 *
 * Holding adds no wait: a client can do nothing with half an event. Because only whole events are out, one error event
 * can follow at any moment, unless half of a large event is out already.
 */
import type { ChunkMap } from '../../core/engine/upstream.ts';
import type { ResponseWriter } from '../exchange.ts';
import { type EventFraming, endsEvent, firstBorder, lastBorder } from './event-border.ts';

/** What reads events in passing. An event is one SSE block or NDJSON line, its border included. */
export interface EventReader {
  /** One or more whole events. */
  events(buffer: Buffer, from: number, to: number): void;
  /** A piece of an event that is too large to be held; `first` and `last` mark its ends. */
  piece(buffer: Buffer, from: number, to: number, first: boolean, last: boolean): void;
}

/** Says something of one whole event, its border included. */
export type EventTest = (buffer: Buffer, from: number, to: number) => boolean;

const holdLimit = 64 * 1024;
/** A border is at most four bytes long, so three of what is out decide with the next byte. */
const overlap = 3;

export class EventRelay {
  readonly #reply: ResponseWriter;
  readonly #framing: EventFraming;
  readonly #reader: EventReader;
  readonly #drops: EventTest | undefined;
  #held = Buffer.allocUnsafe(0);
  #heldLength = 0;
  /** Part of an event above the limit is out. */
  #open = false;
  /** The last bytes that are out, with room for as many of the next ones. */
  readonly #tail = Buffer.alloc(2 * overlap);
  #tailLength = 0;

  /** Whole events that `drops` says yes to do not reach the client; the reader sees them. */
  constructor(reply: ResponseWriter, framing: EventFraming, reader: EventReader, drops?: EventTest) {
    this.#drops = drops;
    this.#reply = reply;
    this.#framing = framing;
    this.#reader = reader;
  }

  /** Half of an event is out: nothing can be put after it. */
  get midEvent(): boolean {
    return this.#open;
  }

  framed(buffer: Buffer, from: number, to: number, chunks: ChunkMap): boolean {
    if (
      this.#heldLength === 0 &&
      !this.#open &&
      this.#drops === undefined &&
      this.#reply.relaysFraming &&
      this.#endsAll(buffer, chunks)
    ) {
      const flowing = this.#reply.writeFramed(buffer, from, to);
      for (let i = 0; i < chunks.count; i++)
        this.#reader.events(buffer, chunks.starts[i] as number, chunks.ends[i] as number);
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
      const end = this.#borderAcross(buffer, at, to);
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
      const border = lastBorder(this.#framing, buffer, at, to);
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
      const border = lastBorder(this.#framing, this.#held, searchFrom, this.#heldLength);
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
   * The engine ended its body. What is held is an event without its border: the reader sees it before `whole` is asked,
   * and it goes out only where the stream is whole, for then it is the last event and not the torso of one.
   */
  finish(whole: () => boolean): void {
    if (this.#heldLength === 0) return;
    this.#reader.events(this.#held, 0, this.#heldLength);
    if (whole()) this.#write(this.#held, 0, this.#heldLength);
    this.#drop();
  }

  /** Whole events. */
  #write(buffer: Buffer, from: number, to: number): boolean {
    const drops = this.#drops;
    if (drops === undefined) return this.#reply.write(buffer, from, to);
    let flowing = true;
    let kept = from;
    for (let at = from; at < to; ) {
      const border = firstBorder(this.#framing, buffer, at, to);
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

  /** First border in the open event, which may begin in bytes that are out already. */
  #borderAcross(buffer: Buffer, from: number, to: number): number {
    const seam = this.#tail;
    const before = this.#tailLength;
    const length = before + buffer.copy(seam, before, from, Math.min(to, from + overlap));
    for (let end = before + 1; end <= length; end++) {
      if (endsEvent(this.#framing, seam, 0, end)) return from + end - before;
    }
    return firstBorder(this.#framing, buffer, from, to);
  }

  #rememberTail(buffer: Buffer, from: number, to: number): void {
    const tail = this.#tail;
    const length = this.#tailLength + buffer.copy(tail, this.#tailLength, Math.max(from, to - overlap), to);
    const kept = Math.min(overlap, length);
    tail.copyWithin(0, length - kept, length);
    this.#tailLength = kept;
  }
}
