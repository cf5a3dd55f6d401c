/**
 * Writes the heads of the audit's chains to the log of a proxy: at the start, and within a minute after they changed. A
 * log that is kept on another machine then shows that entries were edited on this one; see docs/security.md.
 */
import { headText } from '../core/audit/audit-chain.ts';
import type { Clock, Unsubscribe } from '../core/clock.ts';
import type { Logger } from '../observe/logger.ts';
import type { ProxyStore } from '../store/store.ts';

const everyMs = 60_000;

export interface AuditHeadLogDeps {
  readonly store: Pick<ProxyStore, 'auditHeads'>;
  readonly logger: Pick<Logger, 'event'>;
  readonly clock: Pick<Clock, 'every'>;
}

export function logAuditHeads({ store, logger, clock }: AuditHeadLogDeps): Unsubscribe {
  let logged = '';
  let isEnded = false;
  const log = async (): Promise<void> => {
    const heads = await store.auditHeads();
    if (isEnded || heads === undefined) return;
    const fields = Object.fromEntries(heads.map((head) => [head.chain, headText(head)]));
    const texts = JSON.stringify(fields);
    if (heads.length === 0 || texts === logged) return;
    logged = texts;
    logger.event('info', 'audit head', fields);
  };
  // Never rejects.
  void log();
  const off = clock.every(everyMs, () => void log());
  return () => {
    isEnded = true;
    off();
  };
}
