/**
 * What a request that makes an engine generate will ask of the limits after its rate: one of its key's requests in
 * progress, a balance of tokens, and a slot. A limiter on another machine answers everything in one round trip, when it
 * is asked for the rate. Limits of this process ignore it.
 *
 * What was granted ahead is taken by the later question, or released when the request ends before that.
 */
import type { Denial } from './access.ts';
import type { KeyView } from './api-key.ts';
import type { TokenCheck } from './token-check.ts';

/** One of the key's requests in progress, granted before the request asked for it. */
export interface GrantedAhead {
  readonly denial: Denial | undefined;
  /** Undefined if the request was refused. */
  readonly release: (() => void) | undefined;
}

const oldestMs = 1_000;

export class RequestAhead {
  readonly key: KeyView;
  #concurrency: GrantedAhead | undefined;
  #tokens: TokenCheck | undefined;
  #tokensAtMs = 0;
  #over = false;

  constructor(key: KeyView) {
    this.key = key;
  }

  grantConcurrency(granted: GrantedAhead): void {
    if (this.#over) granted.release?.();
    else this.#concurrency = granted;
  }

  /** Undefined if it was not answered ahead. The caller has it then. */
  takeConcurrency(): GrantedAhead | undefined {
    const granted = this.#concurrency;
    this.#concurrency = undefined;
    return granted;
  }

  answerTokens(check: TokenCheck, nowMs: number): void {
    this.#tokens = check;
    this.#tokensAtMs = nowMs;
  }

  /** Undefined if it was not answered ahead, or too long ago: the body of a request may take minutes. */
  tokens(nowMs: number): TokenCheck | undefined {
    return nowMs - this.#tokensAtMs <= oldestMs ? this.#tokens : undefined;
  }

  /** The request is over. */
  end(): void {
    this.#over = true;
    this.takeConcurrency()?.release?.();
  }
}
