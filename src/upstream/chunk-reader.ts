/**
 * Reads a chunked body (RFC 9112, section 7.1), strictly and incrementally, without copying payload bytes.
 *
 *   size CRLF data CRLF  size CRLF data CRLF  ...  0 CRLF  trailers CRLF
 *
 * Complete chunks that are adjacent in one read go to one `onFramed` call; everything else goes byte by byte through
 * the state machine to `onData`. The fast path takes only chunks that are complete and well formed. The state machine
 * decides about all others, so a response is accepted or refused in the same way however it is cut into reads. Trailers
 * are checked and dropped. Refused: chunk extensions (only attackers use them), sizes of more than 8 digits, and a
 * payload that is longer or shorter than its size.
 */
import type { ChunkMap } from '../core/engine/upstream.ts';
import { LineBlock } from './line-block.ts';
import { readFields } from './response-head.ts';

/** Events of a body. A handler returns false to stop. */
export interface BodyEvents {
  onData(buffer: Buffer, from: number, to: number): boolean;
  onFramed(buffer: Buffer, from: number, to: number, chunks: ChunkMap): boolean;
}

const State = { size: 0, sizeLf: 1, data: 2, dataCr: 3, dataLf: 4, trailers: 5, done: 6 } as const;
type State = (typeof State)[keyof typeof State];

const maxSizeDigits = 8;
const maxTrailerBytes = 8 * 1024;
const maxChunksMapped = 512;

const cr = 0x0d;
const lf = 0x0a;

export function makeChunkMap(): ChunkMap {
  return { count: 0, starts: new Int32Array(maxChunksMapped), ends: new Int32Array(maxChunksMapped) };
}

export class ChunkReader {
  readonly #events: BodyEvents;
  readonly #chunks: ChunkMap;
  readonly #trailers = new LineBlock(maxTrailerBytes);
  #state: State = State.size;
  #sizeDigits = 0;
  /** First the size as far as read, then the remaining bytes of the chunk. */
  #left = 0;
  fault: string | undefined;
  /** A handler returned false. */
  unwanted = false;

  /** `chunks` may be shared with other readers, since a map is used up before its event returns. */
  constructor(events: BodyEvents, chunks: ChunkMap) {
    this.#events = events;
    this.#chunks = chunks;
  }

  reset(): void {
    this.#state = State.size;
    this.#sizeDigits = 0;
    this.#left = 0;
    this.fault = undefined;
    this.unwanted = false;
    this.#trailers.reset();
  }

  get done(): boolean {
    return this.#state === State.done;
  }

  /** Returns where it stopped: at `to`, after the end of the body, at a fault, or where a handler returned false. */
  read(buffer: Buffer, from: number, to: number): number {
    let at = from;
    while (at < to) {
      const byte = buffer[at] as number;
      switch (this.#state) {
        case State.size: {
          if (this.#sizeDigits === 0) {
            const border = this.#readWhole(buffer, at, to);
            if (this.unwanted) return border;
            if (border > at) {
              at = border;
              break;
            }
          }
          const digit = hexDigit(byte);
          if (digit >= 0) {
            if (++this.#sizeDigits > maxSizeDigits)
              return this.#refuse('has a chunk size that is too long', at);
            this.#left = this.#left * 16 + digit;
          } else if (byte === cr && this.#sizeDigits > 0) this.#state = State.sizeLf;
          else return this.#refuse('has a malformed chunk size', at);
          at += 1;
          break;
        }
        case State.sizeLf:
          if (byte !== lf) return this.#refuse('has a malformed chunk size', at);
          this.#sizeDigits = 0;
          this.#state = this.#left === 0 ? State.trailers : State.data;
          at += 1;
          break;
        case State.data: {
          const end = Math.min(to, at + this.#left);
          this.#left -= end - at;
          if (this.#left === 0) this.#state = State.dataCr;
          this.unwanted = !this.#events.onData(buffer, at, end);
          if (this.unwanted) return end;
          at = end;
          break;
        }
        case State.dataCr:
        case State.dataLf:
          if (byte !== (this.#state === State.dataCr ? cr : lf)) {
            return this.#refuse('has a chunk that is longer than its size', at);
          }
          this.#state = this.#state === State.dataCr ? State.dataLf : State.size;
          at += 1;
          break;
        case State.trailers: {
          const end = this.#trailers.read(buffer, at, to);
          const fault = end < 0 ? this.#trailers.fault : faultOfTrailers(this.#trailers.text);
          if (fault !== undefined) return this.#refuse(`${fault} (trailers)`, at);
          if (end < 0) return to;
          this.#state = State.done;
          return end;
        }
        case State.done:
          return at;
        default:
          this.#state satisfies never;
      }
    }
    return at;
  }

  /** Finds the complete chunks from `from` on, except the last chunk; returns the position after them. */
  #readWhole(buffer: Buffer, from: number, to: number): number {
    const chunks = this.#chunks;
    chunks.count = 0;
    let border = from;
    while (chunks.count < chunks.starts.length) {
      let size = 0;
      let sizeEnd = border;
      for (; sizeEnd < to && sizeEnd - border < maxSizeDigits; sizeEnd++) {
        const digit = hexDigit(buffer[sizeEnd] as number);
        if (digit < 0) break;
        size = size * 16 + digit;
      }
      const start = sizeEnd + 2;
      const end = start + size;
      if (size === 0 || end + 2 > to) break;
      if (
        buffer[sizeEnd] !== cr ||
        buffer[sizeEnd + 1] !== lf ||
        buffer[end] !== cr ||
        buffer[end + 1] !== lf
      )
        break;
      chunks.starts[chunks.count] = start;
      chunks.ends[chunks.count] = end;
      chunks.count += 1;
      border = end + 2;
    }
    if (chunks.count > 0) this.unwanted = !this.#events.onFramed(buffer, from, border, chunks);
    return border;
  }

  #refuse(fault: string, at: number): number {
    this.fault = fault;
    return at;
  }
}

function faultOfTrailers(text: string): string | undefined {
  if (text === '') return undefined;
  const fields: string[] = [];
  const fault = readFields(text, 0, fields);
  if (fault !== undefined) return fault;
  for (let i = 0; i < fields.length; i += 2) {
    // RFC 9110, section 6.5.1: a trailer must not be a field that frames the message.
    if (fields[i] === 'content-length' || fields[i] === 'transfer-encoding')
      return 'has framing behind its body';
  }
  return undefined;
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
