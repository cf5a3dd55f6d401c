/** Shows shares as a table. Never shows a token or its digest. */
import { type Share, type ShareState, shareState } from '../../core/security/share.ts';
import { t } from '../i18n/texts.ts';
import { type Column, printable, table } from '../terminal/layout.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { ago, until } from '../terminal/units.ts';
import { limitsOf } from './key-view.ts';

const texts = t.share;

const styles = { open: 'green', redeemed: 'cyan', expired: 'yellow', revoked: 'red' } as const;

export function sharesTable(
  shares: readonly Share[],
  nowMs: number,
  terminal: Pick<Terminal, 'paint' | 'tableColumns'>,
): string {
  const { columns } = texts;
  const head: readonly Column[] = [
    { name: columns.label, fixed: true },
    { name: columns.id, drop: 3 },
    { name: columns.state },
    { name: columns.when },
    { name: columns.key },
    { name: columns.madeBy, drop: 2 },
    { name: columns.limits, drop: 1 },
  ];
  const rows = shares.map((share) => {
    const state = shareState(share, nowMs);
    return [
      printable(share.request.label),
      share.id,
      terminal.paint(styles[state], texts.states[state]),
      whenText(share, state, nowMs),
      share.redemption?.keyId ?? '-',
      printable(share.createdBy),
      limitsOfShare(share),
    ];
  });
  return table(head, rows, terminal.tableColumns);
}

function whenText({ redemption, revokedAtMs, expiresAtMs }: Share, state: ShareState, nowMs: number): string {
  if (redemption !== null) return ago(redemption.atMs, nowMs);
  if (revokedAtMs !== null) return ago(revokedAtMs, nowMs);
  return state === 'open' ? texts.ends(until(expiresAtMs, nowMs)) : ago(expiresAtMs, nowMs);
}

/** The limits and rules of the future key in words. */
export function limitsOfShare({ request }: Share): string {
  const { requestsPerMinute, burst, tokensPerMinute, tokensPerDay, concurrency } = request;
  const limits = { requestsPerMinute, burst, tokensPerMinute, tokensPerDay, concurrency };
  return t.units.clauses(limitsOf({ ...request, limits })) || texts.noLimits;
}
