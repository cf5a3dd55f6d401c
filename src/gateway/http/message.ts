/**
 * One request and its response on the wire. `node:http` and the fast-path parser implement it, and everything above works
 * with both.
 */
import type { RequestHead } from '../exchange.ts';

/** Receives the bytes of a body. */
export interface BodyListener {
  data(chunk: Buffer): void;
  /** The body is whole. */
  end(): void;
}

export interface HttpMessage {
  readonly head: RequestHead;
  /** The length that the head declares; undefined where it declares none. */
  readonly declaredBytes: number | undefined;
  /** Bytes of the body may still arrive. */
  readonly unread: boolean;
  /** The client holds its body back until it is asked for (RFC 9110, section 10.1.1). */
  readonly expectsContinue: boolean;
  /** The answer may be framed in chunks. */
  readonly takesChunks: boolean;

  sendContinue(): void;
  /** Body bytes go to the listener from now on, perhaps within this call; undefined stops them. */
  receive(listener: BodyListener | undefined): void;

  /**
   * Head of the answer, without `date` and `connection`; it leaves with the first text, or by `flush`.
   * `framed`: the text that follows is chunk framing already. `close`: the connection ends with the answer.
   */
  start(status: number, fields: string[], framed: boolean, close: boolean): void;
  flush(): void;
  /** Latin-1, each character a byte. False where the client does not keep up. */
  write(text: string): boolean;
  /** The last text, which may be empty; the connection is free for the next request as soon as this one is read. */
  end(text: string): void;
}
