/**
 * One request and its response on the wire. `node:http` and the fast-path parser implement this interface, and all
 * other code works with both.
 */
import type { RequestHead } from '../exchange.ts';

/** Receives the bytes of a body. */
export interface BodyListener {
  /** If the message shares bytes, they are valid only in this call. */
  data(chunk: Buffer): void;
  /** Memory into which the next bytes of the body may be read, of which `left` are missing. Undefined: `data` takes them. */
  lend?(left: number): Buffer | undefined;
  /** So many bytes of the body were read into the memory that `lend` returned last. */
  filled?(bytes: number): void;
  /** The body is complete. */
  end(): void;
}

export interface HttpMessage {
  readonly head: RequestHead;
  /** The length that the head declares; undefined if it declares none. */
  readonly declaredBytes: number | undefined;
  /** Bytes of the body may still arrive. */
  readonly unread: boolean;
  /** The client waits for a 100 response before it sends the body (RFC 9110, section 10.1.1). */
  readonly expectsContinue: boolean;
  /** Whether the response may use chunked framing. */
  readonly takesChunks: boolean;
  /** The bytes of the body are in memory that other connections use next. */
  readonly sharesBytes: boolean;

  sendContinue(): void;
  /** Sends body bytes to the listener from now on, possibly within this call. Undefined stops the delivery. */
  receive(listener: BodyListener | undefined): void;

  /**
   * Sets the response head, which is sent with the first text, or by `flush`. `fields`: whole lines, each with its CRLF,
   * without `date` and `connection`.
   * `framed`: the text that follows is already chunk-framed. `close`: the connection ends with the response.
   */
  start(status: number, fields: string, framed: boolean, close: boolean): void;
  flush(): void;
  /** Writes latin-1 text, one byte per character. Returns false if the client does not read fast enough. */
  write(text: string): boolean;
  /**
   * Writes the last text, which may be empty. The connection is free for the next request once this request has been
   * read.
   */
  end(text: string): void;
}
