/**
 * What the proxy writes down of each request: log, metrics, tail, the last refusals, usage. Each of them is told the
 * same line; none of them can make a request wait.
 */
import type { Clock } from '../core/clock.ts';
import type { ErrorCode } from '../core/errors.ts';
import type { RequestLine } from '../core/proxy/proxy-handle.ts';
import type { AuditEntry, LastUse, UsageLedger } from '../core/security/ports.ts';
import { tokensOf } from '../core/security/token-estimate.ts';
import type { Account } from '../gateway/account.ts';
import type { Logger } from '../observe/logger.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { Refusals } from '../observe/refusals.ts';
import type { TailHub } from '../observe/tail.ts';

export interface AccountBookNeeds {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly tail: TailHub;
  readonly refusals: Refusals;
  readonly ledger: Pick<UsageLedger, 'add'> & {
    touch(keyId: string, use: LastUse): void;
    record(entry: AuditEntry): void;
  };
  readonly clock: Pick<Clock, 'nowMs'>;
  /** The family of a stored key. Undefined for temporary ones, which leave no trace in the store. */
  readonly familyOf: (keyId: string) => string | undefined;
  /** `proxy:ID`, for the audit. */
  readonly actor: string;
}

export class AccountBook implements Account {
  readonly #needs: AccountBookNeeds;

  constructor(needs: AccountBookNeeds) {
    this.#needs = needs;
  }

  request(line: RequestLine): void {
    const { logger, metrics, tail, refusals } = this.#needs;
    logger.access(line);
    metrics.request(line);
    tail.publish(line);
    refusals.note(line);
    this.#use(line);
  }

  malformed(client: string, id: string, code: ErrorCode): void {
    this.#needs.metrics.malformed();
    this.#needs.logger.event('info', 'refused before it was a request', { id, client, code });
  }

  loginRefused(client: string, throttled: boolean): void {
    const { metrics, ledger, clock, actor } = this.#needs;
    metrics.loginRefused();
    // The audit keeps so many rows: who may add them at will washes out within minutes what others did.
    if (throttled) return;
    ledger.record({ atMs: clock.nowMs(), actor, action: 'auth.refused', subject: client });
  }

  #use(line: RequestLine): void {
    const { keyId, model, engine } = line;
    const { ledger, familyOf } = this.#needs;
    const familyId = keyId === null ? undefined : familyOf(keyId);
    if (keyId === null || familyId === undefined) return;
    const counted = model !== null && engine !== null && line.status < 400;
    if (!counted) return ledger.touch(keyId, { atMs: line.atMs, address: line.client });
    const tokens = tokensOf(line);
    ledger.add({ keyId, familyId, model, engine, ...tokens, atMs: line.atMs, address: line.client });
  }
}
