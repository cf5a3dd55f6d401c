/**
 * One request and its answer on the wire, whoever reads and writes it: `node:http`, or our own reader of ordinary
 * requests. Everything above this seam is the same for both.
 */
import type { RequestHead } from '../exchange.ts';

/** Who takes the bytes of a body. */
export interface BodyListener {
  data(chunk: Buffer): void;
  /** The body is whole. */
  end(): void;
}

export interface HttpMessage {
  readonly head: RequestHead;
  /** As the head says; undefined where it does not. */
  readonly declaredBytes: number | undefined;
  /** Bytes of the body may still come. */
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
