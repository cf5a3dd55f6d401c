/** Texts of `flm audit`. */
import type { AuditChain } from '../../../core/audit/audit-chain.ts';
import type { AuditSource } from '../../../core/audit/audit-query.ts';
import type { ChainFaultKind } from '../../../core/audit/chain-check.ts';

const entries = (count: number): string => (count === 1 ? '1 entry' : `${count} entries`);

export const audit = {
  about: 'list who changed what, when and from where, newest last',
  verify:
    'check that nobody edited the audit: each entry has a hash over itself and the entry before it; exits with 1 at the first entry that does not fit',
  options: {
    since:
      'only entries from this day or time on, such as 2026-11-01, 2026-11-01T14:00Z or 7d for the last 7 days',
    until: 'only entries until this day or time',
    actor: 'only this actor, such as cli:ann, or one side of the colon',
    action: 'only this action, such as key.revoke, or all that begin with it: key',
    subject: 'only entries about this key, policy, engine, profile ...: its label, name or id',
    limit: 'show at most so many entries, the newest ones (default: 100)',
    csv: 'print a table for a spreadsheet',
    head: 'compare with this head from the log of a proxy or from a backup (repeatable)',
    headsIn: 'compare with all heads in this file, such as a log on another machine',
  },
  columns: {
    time: 'TIME',
    actor: 'ACTOR',
    source: 'FROM',
    action: 'ACTION',
    subject: 'SUBJECT',
    change: 'CHANGE',
  },
  sources: {
    cli: 'command line',
    apply: 'flm apply',
    dashboard: 'dashboard',
    api: 'admin API',
    control: 'control socket',
    proxy: 'proxy',
    flm: 'flm',
    other: 'other',
  } satisfies Record<AuditSource, string>,
  none: 'No entry of the audit matches.',
  more: (limit: number): string => `These are the newest ${limit} entries. Show more with --limit.`,
  chains: { changes: 'changes', refusals: 'refused logins' } satisfies Record<AuditChain, string>,
  noEntries: 'no entries',
  sound: (count: number, deletedThrough: number): string =>
    deletedThrough === 0
      ? `${entries(count)}, all as flm wrote them`
      : `${entries(count)}, all as flm wrote them; older ones up to number ${deletedThrough} were deleted after their retention`,
  faults: {
    changed: (seq: number): string => `Entry ${seq} was changed after flm wrote it.`,
    missing: (seq: number): string => `Entry ${seq} is missing: somebody deleted or moved it.`,
    unexpected: (seq: number): string => `Entry ${seq} was inserted, or its neighbours were changed.`,
    unexplained: (seq: number): string =>
      `The entries up to number ${seq} are missing, and no entry says that flm deleted them.`,
    otherHead: (seq: number): string =>
      `Entry ${seq} is not the one of the given head: the entries up to it were written again.`,
    beyond: (seq: number): string =>
      `The entries from number ${seq} on are missing: the given head names a newer one. If the database was restored from an older backup, that explains it.`,
  } satisfies Record<ChainFaultKind, (seq: number) => string>,
  fitBefore: (count: number): string => `${entries(count)} before it fit.`,
  withoutHash: (count: number): string =>
    `${entries(count)} of an older flm ${count === 1 ? 'has' : 'have'} no hash yet.`,
  tooOld: (count: number): string =>
    count === 1
      ? '1 given head is older than the kept entries, so flm cannot compare it.'
      : `${count} given heads are older than the kept entries, so flm cannot compare them.`,
  head: (head: string): string => `head: ${head}`,
  advice:
    'The owner of this machine can write a whole new chain. Only heads that are kept on another machine show that: flm audit verify --head HEAD',
  problems: {
    moment: (flag: string): string =>
      `${flag} takes a day such as 2026-11-01, a time such as 2026-11-01T14:00Z, or a span such as 7d.`,
    emptyRange: 'The range of time is empty: --since must be before --until.',
    limit: (most: number): string => `--limit takes a number from 1 to ${most}.`,
    head: (given: string): string =>
      `--head takes a head of the audit such as changes_12_v1_9f86..., not ${given}.`,
    noHeads: (file: string): string => `There is no head of the audit in ${file}.`,
  },
};
