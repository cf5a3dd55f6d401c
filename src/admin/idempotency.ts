/**
 * Remembers the responses of creating requests by their `Idempotency-Key`, so that a client that lost the response can
 * repeat the request and gets the same response, not a second object. In memory only, because a response may hold a
 * new secret; for ten minutes, and for the last hundred requests.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import { AdminError } from '../core/errors.ts';
import type { AdminResponse } from './operation.ts';

interface Remembered {
  /** Of target and body. */
  readonly digest: string;
  readonly untilMs: number;
  readonly response: Promise<AdminResponse>;
}

export interface IdempotentRequest {
  readonly actor: string;
  readonly operation: string;
  /** Path and query: two documents can get the same body. */
  readonly target: string;
  readonly key: string;
  readonly body: Buffer;
}

const keptMs = 600_000;
const keptResponses = 100;
const maxKeyLength = 255;

export class Idempotency {
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #remembered = new Map<string, Remembered>();

  constructor(clock: Pick<Clock, 'nowMs'>) {
    this.#clock = clock;
  }

  /**
   * Runs `create` once for each key; a failed run is forgotten. Throws IDEMPOTENCY_KEY_REUSED for another target or body.
   */
  async once(request: IdempotentRequest, create: () => Promise<AdminResponse>): Promise<AdminResponse> {
    const { actor, operation, target, key, body } = request;
    if (key.length === 0 || key.length > maxKeyLength)
      throw new AdminError('HEADER_INVALID', {
        params: { name: 'Idempotency-Key', why: `has 1 to ${maxKeyLength} characters` },
      });
    const nowMs = this.#clock.nowMs();
    const name = JSON.stringify([actor, operation, key]);
    const digest = createHash('sha256').update(`${target}\n`).update(body).digest('base64');
    const before = this.#remembered.get(name);
    if (before !== undefined && before.untilMs > nowMs) {
      if (before.digest !== digest) throw new AdminError('IDEMPOTENCY_KEY_REUSED');
      return before.response;
    }
    const response = create();
    this.#remembered.delete(name);
    this.#remembered.set(name, { digest, untilMs: nowMs + keptMs, response });
    const [oldest] = this.#remembered.keys();
    if (this.#remembered.size > keptResponses && oldest !== undefined) this.#remembered.delete(oldest);
    try {
      return await response;
    } catch (error) {
      this.#remembered.delete(name);
      throw error;
    }
  }
}
