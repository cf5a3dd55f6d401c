/** The flags of `flm audit`: filters, and heads from outside. */
import { type AuditHead, headsIn, headText, parseHead } from '../core/audit/audit-chain.ts';
import type { AuditQuery } from '../core/audit/audit-query.ts';
import { dayOf, spanOf } from '../core/time-text.ts';
import { dayStart, stepsBefore } from '../core/usage/usage-steps.ts';
import { usageError } from './command.ts';
import { t } from './i18n/texts.ts';
import { openNamed } from './named-file.ts';
import { unreadable } from './yaml-file.ts';

const texts = t.audit.problems;

export interface AuditFlags {
  readonly since?: string;
  readonly until?: string;
  readonly actor?: string;
  readonly action?: string;
  readonly subject?: string;
  readonly limit?: string;
  readonly csv?: boolean;
}

export interface VerifyFlags {
  readonly head?: readonly string[];
  readonly headsIn?: string;
}

const defaultLimit = 100;
const maxLimit = 200_000;

export function auditQuery(flags: AuditFlags, nowMs: number): AuditQuery {
  const { since, until, actor, action, subject, limit = String(defaultLimit) } = flags;
  const sinceMs = since === undefined ? undefined : momentOf(since, '--since', nowMs, 0);
  const untilMs = until === undefined ? undefined : momentOf(until, '--until', nowMs, 1);
  if (sinceMs !== undefined && untilMs !== undefined && sinceMs >= untilMs)
    throw usageError('audit', texts.emptyRange);
  if (!/^\d{1,6}$/.test(limit) || Number(limit) < 1 || Number(limit) > maxLimit)
    throw usageError('audit', texts.limit(maxLimit));
  return { sinceMs, untilMs, actor, action, subject, limit: Number(limit) };
}

/** Each head once. */
export async function givenHeads(
  { head = [], headsIn: file }: VerifyFlags,
  signal: AbortSignal,
): Promise<readonly AuditHead[]> {
  const found = new Map<string, AuditHead>();
  for (const text of head) {
    const given = parseHead(text);
    if (given === undefined) throw usageError('audit verify', texts.head(text));
    found.set(headText(given), given);
  }
  if (file !== undefined) for (const given of await headsOf(file, signal)) found.set(headText(given), given);
  return [...found.values()];
}

/** Longer than any head: one may lie across two parts of the file. */
const overlap = 200;

async function headsOf(file: string, signal: AbortSignal): Promise<readonly AuditHead[]> {
  const heads: AuditHead[] = [];
  let rest = '';
  try {
    for await (const part of openNamed(file, signal).setEncoding('latin1')) {
      const text = rest + String(part);
      heads.push(...headsIn(text));
      rest = text.slice(-overlap);
    }
  } catch (cause) {
    throw signal.aborted ? cause : unreadable(file, cause);
  }
  if (heads.length === 0) throw usageError('audit verify', texts.noHeads(file));
  return heads;
}

/** `after`: 1 for the end of a day, 0 for its start. */
function momentOf(text: string, flag: string, nowMs: number, after: 0 | 1): number {
  const span = spanOf(text);
  if (span !== undefined) return nowMs - span;
  const day = dayOf(text);
  if (day !== undefined) {
    const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
    return stepsBefore(dayStart(day, timeZone), -after, { step: 'day', timeZone });
  }
  const isTime = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/.test(text);
  const ms = isTime && dayOf(text.slice(0, 10)) !== undefined ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) throw usageError('audit', texts.moment(flag));
  return ms;
}
