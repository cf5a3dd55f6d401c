/**
 * The port through which requests reach an engine. Strict HTTP/1.1. A response is not changed, and only its framing is
 * interpreted. Implemented by `upstream/`; used by the gateway for clients' requests and by probes.
 */
import type { EngineError } from '../errors.ts';
import type { EngineAddress } from './engine.ts';

/** One complete request to one engine. */
export interface Attempt {
  readonly to: EngineAddress;
  readonly method: string;
  /** Request line and fields, CRLF after each, without the empty line, `content-length` and `host`. Latin-1. */
  readonly head: string;
  /** The whole body; an empty list if there is none. A small body is written together with the head. */
  readonly body: readonly Buffer[];
  readonly bodyLength: number;
  readonly connectTimeoutMs: number;
  readonly firstByteTimeoutMs: number;
  readonly idleTimeoutMs: number;
}

/** The head of an engine's final response (1xx are skipped). */
export interface EngineHead {
  readonly status: number;
  /**
   * Names in lower case and values, flat: name, value, name, value ... in the original order, without surrounding
   * blanks, and without `content-length`.
   */
  readonly fields: readonly string[];
  /** How the body is delimited: RFC 9112, section 6.3. */
  readonly framing: 'none' | 'length' | 'chunked' | 'close';
  /** Only with framing `length`, and with HEAD, where it is the length that a GET would have. */
  readonly contentLength: number | undefined;
  /** True: `fields` is the same list as in an earlier response, so what was found out about it is still true. */
  readonly repeated?: boolean;
}

/**
 * The whole chunks of one read, in place: chunk i of `count` has its payload at [starts[i], ends[i]) of the same
 * buffer. The next call reuses the object and its arrays.
 */
export interface ChunkMap {
  count: number;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

/**
 * Receives one response: head once, then data or framed any number of times, then exactly one of end and failed.
 * `failed` may also come without a head. After abort() no method is called. Buffers are shared with other sockets and
 * are valid only during the call: copy the bytes to keep them. `data` and `framed` return false to request a pause;
 * `resume()` of the request ends it.
 */
export interface ResponseHandler {
  head(head: EngineHead): void;
  /** Payload bytes, chunk framing removed. */
  data(buffer: Buffer, from: number, to: number): boolean;
  /**
   * Adjacent whole chunks of one read. [from, to) begins and ends at a chunk boundary, is valid chunk framing (no
   * extension, no last chunk) and may be relayed unchanged. `chunks` gives the positions of the payloads. Bytes before
   * and after them in the same read are passed to `data`.
   */
  framed(buffer: Buffer, from: number, to: number, chunks: ChunkMap): boolean;
  /**
   * The body is complete. With framing `close` this only means that the engine closed the connection. Trailers are
   * dropped.
   */
  end(): void;
  failed(error: EngineError): void;
  /**
   * A method of this handler threw. The request is aborted and the error logged. The handler must end the work that
   * depends on the response.
   */
  crashed?(): void;
}

/** A running attempt. */
export interface InFlightRequest {
  /** Whether the connection was established, so that the engine may have seen the request. */
  readonly reached: boolean;
  /** The kernel has the whole request: its bytes are not read any more, unless it is tried again. */
  readonly sent: boolean;
  /** Closes the connection immediately; no method of the handler is called after that. No effect after the end. */
  abort(): void;
  resume(): void;
}

/**
 * The handler is not called before `send` has returned. If a reused connection closes immediately, it is replaced once,
 * silently. An `EngineError` passed to `failed` has one of the codes ENGINE_CONNECT_FAILED, _RESET, _PROTOCOL,
 * _TIMEOUT, _CUT, _STALLED. A malformed head or body of an attempt breaks an invariant and throws.
 */
export interface Upstream {
  send(attempt: Attempt, sink: ResponseHandler): InFlightRequest;
}
