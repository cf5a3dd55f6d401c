/**
 * Parses the responses of an engine one after another, incrementally, directly from the read buffer.
 *
 *   head -> (1xx: another head) -> body by length | chunks | until close | none -> done
 *
 * A head that repeats the last one of the connection is not parsed again (`remembered-head.ts`), but judged like any other.
 *
 * Guarantees: the same events and the same result however the bytes are cut; no byte of a body is copied; nothing
 * behind the end of a response is read. Refused: what `readResponseHead` and `ChunkReader` refuse, a head of more than 16
 * KB, more than 64 interim responses, and 101, which no request asks for.
 */
import type { ChunkMap, EngineHead } from '../core/engine/upstream.ts';
import { type BodyEvents, ChunkReader } from './chunk-reader.ts';
import { LineBlock } from './line-block.ts';
import { RememberedHead } from './remembered-head.ts';
import { type EngineResponseHead, readResponseHead } from './response-head.ts';

/** Events of a response. A handler returns false to stop. */
export interface ResponseEvents extends BodyEvents {
  onHead(head: EngineHead): boolean;
}

const State = { head: 0, length: 1, chunks: 2, untilClose: 3, done: 4 } as const;
type State = (typeof State)[keyof typeof State];

const maxHeadBytes = 16 * 1024;
const maxInterim = 64;

export class ResponseParser {
  readonly #events: ResponseEvents;
  readonly #lines = new LineBlock(maxHeadBytes);
  readonly #remembered = new RememberedHead();
  readonly #chunks: ChunkReader;
  #state: State = State.head;
  #toHead = false;
  #interim = 0;
  #left = 0;
  #unwanted = false;
  /** The fault, as the end of a sentence that begins with "the engine's answer". */
  fault: string | undefined;
  /** The connection may carry another request after the response is complete. */
  persistent = true;
  persistsMs: number | undefined;

  constructor(events: ResponseEvents, chunks: ChunkMap) {
    this.#events = events;
    this.#chunks = new ChunkReader(events, chunks);
  }

  /** Prepares for the next response on the connection. `toHead`: the request is HEAD, whose response has no body. */
  reset(toHead: boolean): void {
    this.#state = State.head;
    this.#toHead = toHead;
    this.#interim = 0;
    this.#left = 0;
    this.#unwanted = false;
    this.fault = undefined;
    this.persistent = true;
    this.persistsMs = undefined;
    this.#lines.reset();
  }

  /** Called four times a second: drops a remembered head that is not in use. */
  tick(): void {
    this.#remembered.tick();
  }

  get done(): boolean {
    return this.#state === State.done;
  }
  /** The end of the connection is the proper end of the body. */
  get endsByClose(): boolean {
    return this.#state === State.untilClose;
  }
  get headSeen(): boolean {
    return this.#state !== State.head;
  }

  /**
   * Returns where it stopped: at `to`, after the end of the response, at a fault, or where a handler returned false.
   */
  feed(buffer: Buffer, from: number, to: number): number {
    let at = from;
    while (at < to && this.fault === undefined && !this.#unwanted) {
      switch (this.#state) {
        case State.head:
          at = this.#readHead(buffer, at, to);
          break;
        case State.length: {
          const end = Math.min(to, at + this.#left);
          this.#left -= end - at;
          if (this.#left === 0) this.#state = State.done;
          this.#unwanted = !this.#events.onData(buffer, at, end);
          at = end;
          break;
        }
        case State.chunks:
          at = this.#chunks.read(buffer, at, to);
          this.fault = this.#chunks.fault;
          this.#unwanted = this.#chunks.unwanted;
          if (this.#chunks.done) this.#state = State.done;
          break;
        case State.untilClose:
          this.#unwanted = !this.#events.onData(buffer, at, to);
          return to;
        case State.done:
          return at;
        default:
          this.#state satisfies never;
      }
    }
    return at;
  }

  #readHead(buffer: Buffer, from: number, to: number): number {
    const remembered = this.#remembered;
    const known = this.#lines.isEmpty ? remembered.recall(buffer, from, to) : -1;
    if (known >= 0 && remembered.head !== undefined) {
      this.#take(remembered.head, remembered.length, true);
      return known;
    }
    const end = this.#lines.read(buffer, from, to);
    if (end < 0) {
      this.fault = this.#lines.fault;
      // Bytes that can never become a status line are refused at once: `SSH-2.0-...` has no empty line.
      if (this.fault === undefined && !this.#lines.mayBegin('HTTP/1.'))
        this.fault = 'does not begin like one of HTTP/1.1';
      return to;
    }
    const { text } = this.#lines;
    const head = readResponseHead(text);
    this.#lines.reset();
    if (typeof head === 'string') {
      this.fault = head;
      return end;
    }
    if (head.status >= 200) remembered.keep(text, head);
    this.#take(head, head.length, false);
    return end;
  }

  /** Decides how the body is framed. `length`: the value of `content-length`. */
  #take(head: EngineResponseHead, length: number | undefined, repeated: boolean): void {
    const { status, fields } = head;
    if (status === 101) this.fault = 'switches protocols without being asked';
    else if (status < 200) {
      // RFC 9110, section 15.2: there is no content, and the final response must follow on this connection.
      const contradictory = length !== undefined || head.chunked || !head.persistent;
      this.#interim += 1;
      if (contradictory) this.fault = 'has an interim answer that speaks of a body or of an end';
      else if (this.#interim > maxInterim) this.fault = 'has too many interim answers';
    } else if (this.#toHead || status === 204 || status === 304) {
      // RFC 9112, section 6.3: no body, whatever the fields say. After a 204 with framing fields the connection is not
      // reused.
      this.persistent = head.persistent && !(status === 204 && (head.chunked || (length ?? 0) > 0));
      this.#begin(State.done, {
        status,
        fields,
        framing: 'none',
        contentLength: this.#toHead ? length : undefined,
        repeated,
      });
    } else if (head.chunked) {
      this.persistent = head.persistent;
      this.#chunks.reset();
      this.#begin(State.chunks, { status, fields, framing: 'chunked', contentLength: undefined, repeated });
    } else if (length !== undefined) {
      this.persistent = head.persistent;
      this.#left = length;
      this.#begin(length === 0 ? State.done : State.length, {
        status,
        fields,
        framing: 'length',
        contentLength: length,
        repeated,
      });
    } else {
      this.persistent = false;
      this.#begin(State.untilClose, { status, fields, framing: 'close', contentLength: undefined, repeated });
    }
    this.persistsMs = head.persistsMs;
  }

  #begin(state: State, head: EngineHead): void {
    this.#state = state;
    this.#unwanted = !this.#events.onHead(head);
  }
}
