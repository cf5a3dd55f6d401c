/**
 * A request body as `node:http` brings it: counted, capped, paid for from one budget for all bodies in memory.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { BodySink, Refusal, RequestBody } from '../exchange.ts';
import type { Connection } from './connection.ts';

/** Memory that all bodies together may take. Whoever reads a body gives back what it took when the exchange is over. */
export class BodyBudget {
  readonly #limit: number;
  #used = 0;

  constructor(limitBytes: number) {
    this.#limit = limitBytes;
  }

  take(bytes: number): boolean {
    if (this.#used + bytes > this.#limit) return false;
    this.#used += bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#used -= bytes;
  }

  get used(): number {
    return this.#used;
  }
}

export class HttpBody implements RequestBody {
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #connection: Connection;
  readonly #declaredBytes: number;
  readonly #maxBytes: number;
  readonly #budget: BodyBudget;
  readonly #expectsContinue: boolean;
  readonly #nowMs: () => number;
  readonly #threw: (error: unknown) => void;
  #taken = 0;
  #detach: (() => void) | undefined;

  constructor(parts: {
    readonly req: IncomingMessage;
    readonly res: ServerResponse;
    readonly connection: Connection;
    /** As the head says; 0 where it does not. */
    readonly declaredBytes: number;
    readonly maxBytes: number;
    readonly budget: BodyBudget;
    readonly expectsContinue: boolean;
    readonly nowMs: () => number;
    /** The sink threw; it is told nothing more. */
    readonly threw: (error: unknown) => void;
  }) {
    this.#req = parts.req;
    this.#res = parts.res;
    this.#connection = parts.connection;
    this.#declaredBytes = parts.declaredBytes;
    this.#maxBytes = parts.maxBytes;
    this.#budget = parts.budget;
    this.#expectsContinue = parts.expectsContinue;
    this.#nowMs = parts.nowMs;
    this.#threw = parts.threw;
  }

  get bytes(): number {
    return this.#taken;
  }

  read(sink: BodySink): void {
    const tooLarge: Refusal = {
      code: 'BODY_TOO_LARGE',
      params: { limit: this.#maxBytes },
      rule: 'maxBodyBytes',
    };
    const declared = this.#declaredBytes;
    if (declared > this.#maxBytes) return sink.failed(tooLarge);
    if (this.#expectsContinue) this.#res.writeContinue();

    const connection = this.#connection;
    connection.bodySinceMs = this.#nowMs();
    connection.bodyBytes = 0;
    const onData = (chunk: Buffer): void => {
      connection.bodyBytes += chunk.length;
      if (connection.bodyBytes > this.#maxBytes) return stop(tooLarge);
      if (!this.#budget.take(chunk.length)) {
        return stop({ code: 'BODIES_EXHAUSTED', rule: 'maxBufferedBytes', fields: ['retry-after', '1'] });
      }
      this.#taken += chunk.length;
      let refusal: Refusal | undefined;
      try {
        refusal = sink.chunk(chunk);
      } catch (error) {
        detach();
        this.#threw(error);
      }
      if (refusal !== undefined) stop(refusal);
    };
    const onEnd = (): void => {
      detach();
      try {
        sink.end();
      } catch (error) {
        this.#threw(error);
      }
    };
    const detach = (): void => {
      this.#detach = undefined;
      this.#req.off('data', onData);
      this.#req.off('end', onEnd);
      connection.bodySinceMs = 0;
      connection.onBodyFault = undefined;
    };
    const stop = (refusal: Refusal): void => {
      detach();
      this.#req.pause();
      sink.failed(refusal);
    };
    connection.onBodyFault = stop;
    this.#detach = detach;
    this.#req.on('data', onData);
    this.#req.on('end', onEnd);
  }

  /** The exchange is over: what was read is nobody's any more. */
  release(): void {
    this.#detach?.();
    this.#budget.giveBack(this.#taken);
    this.#taken = 0;
  }
}
