/**
 * The port through which requests reach an engine. Strict HTTP/1.1; nothing of an answer is changed or interpreted
 * beyond its framing. Implemented by `upstream/`; used by the gateway for clients' requests and by probes.
 */
import type { EngineError } from '../errors.ts';
import type { EngineAddress } from './engine.ts';

/** One request to one engine, ready to be written. */
export interface Attempt {
  readonly to: EngineAddress;
  readonly method: string;
  /** Request line and fields, CRLF after each, without the empty line, `content-length` and `host`. Latin-1. */
  readonly head: string;
  /** Whole body; an empty list for none. Written in one piece with the head where it is small. */
  readonly body: readonly Buffer[];
  readonly bodyLength: number;
  readonly connectTimeoutMs: number;
  readonly firstByteTimeoutMs: number;
  readonly idleTimeoutMs: number;
}

/** The head of an engine's final answer (1xx are skipped). */
export interface EngineHead {
  readonly status: number;
  /** Names in lower case and values, flat: name, value, name, value ... as they came, without surrounding blanks. */
  readonly fields: readonly string[];
  /** How the body is delimited: RFC 9112, section 6.3. */
  readonly framing: 'none' | 'length' | 'chunked' | 'close';
  /** Only with framing `length`, and with HEAD, where it tells what the body of a GET would be. */
  readonly contentLength: number | undefined;
}

/**
 * Whole chunks of one read, in place: chunk i of `count` has its payload at [starts[i], ends[i]) of the same buffer.
 * The object and its arrays are reused by the next call.
 */
export interface ChunkMap {
  count: number;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

/**
 * Receives one answer: head once, then data or framed any number of times, then exactly one of end and failed.
 * Before head, failed may come alone. Nothing comes after abort().
 * Buffers are shared with other sockets and valid only during the call: copy what must stay.
 * `data` and `framed` return false to ask for a pause; `resume()` of the request ends it.
 */
export interface ResponseHandler {
  head(head: EngineHead): void;
  /** Payload bytes, chunk framing removed. */
  data(buffer: Buffer, from: number, to: number): boolean;
  /**
   * Whole chunks that stood side by side in one read: [from, to) begins and ends on a chunk border, is valid chunk
   * framing (no extension, no last chunk) and may be relayed as it is; `chunks` says where the payloads are. What
   * stood before and behind them in the same read comes as `data`.
   */
  framed(buffer: Buffer, from: number, to: number, chunks: ChunkMap): boolean;
  /** The body is complete; for framing `close` that means only that the engine closed. Trailers are dropped. */
  end(): void;
  failed(error: EngineError): void;
  /** A call of this handler threw. The request is aborted and the error logged; this ends what depends on the response. */
  crashed?(): void;
}

/** An attempt under way. */
export interface InFlightRequest {
  /** The connection stands, so that the engine may have seen the request. */
  readonly reached: boolean;
  /** Closes the connection at once; nothing more is delivered. Without effect after the end. */
  abort(): void;
  resume(): void;
}

/**
 * Nothing is told to a sink before `send` has returned. A reused connection that closes at once is replaced silently,
 * one time. An `EngineError` of `failed` has one of the codes ENGINE_CONNECT_FAILED, _RESET, _PROTOCOL, _TIMEOUT, _CUT,
 * _STALLED; a broken head or body of an attempt is a broken invariant and throws.
 */
export interface Upstream {
  send(attempt: Attempt, sink: ResponseHandler): InFlightRequest;
}
