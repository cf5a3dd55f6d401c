/**
 * Shows keys as a table, as text, and as the JSON document of docs/cli.md, and gives advice to administrators. Never
 * shows the digest or the secret.
 */
import type { FlmError } from '../../core/errors.ts';
import { type ApiKey, isActive, isUsable, keyState } from '../../core/security/api-key.ts';
import type { KeyUseDocument } from '../../core/security/key-use.ts';
import type { ListedKey } from '../../core/security/security-service.ts';
import type { Session } from '../command.ts';
import { errorForPeople } from '../i18n/error-texts.ts';
import { t } from '../i18n/texts.ts';
import { type Column, facts, moment, printable, table, textWidth } from '../terminal/layout.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { ago, amount, exactly, until } from '../terminal/units.ts';
import { useLines } from './key-use.ts';

const texts = t.key;

/** If every label is at most this wide, a narrow table leaves the ids out, because commands take labels as well. */
const shortLabel = 24;

export function keysTable(
  keys: readonly ListedKey[],
  lastUseProblem: FlmError | undefined,
  nowMs: number,
  terminal: Pick<Terminal, 'paint' | 'tableColumns'>,
): string {
  const { columns } = texts;
  const hasShortLabels = keys.every(({ record }) => textWidth(printable(record.label)) <= shortLabel);
  // A column that says the same of every key may be left out.
  const isPlain = keys.every(({ record }) => record.scopes.join() === 'inference');
  const neverExpires = keys.every(({ record }) => record.expiresAtMs === null);
  const withOwner = keys.some(({ record }) => record.owner !== null);
  const head: readonly Column[] = [
    { name: columns.label, fixed: hasShortLabels },
    ...(withOwner ? [{ name: columns.owner, drop: 5 }] : []),
    { name: columns.id, fixed: !hasShortLabels, ...(hasShortLabels ? { drop: 2 } : {}) },
    { name: columns.key, drop: 1 },
    { name: columns.state },
    { name: columns.scopes, wraps: true, ...(isPlain ? { drop: 3 } : {}) },
    { name: columns.expires, ...(neverExpires ? { drop: 4 } : {}) },
    { name: columns.lastUsed },
    { name: columns.limits },
  ];
  const rows = keys.map(({ record, lastUse }) => [
    printable(record.label),
    ...(withOwner ? [printable(record.owner ?? '-')] : []),
    record.id,
    `${record.prefix}…`,
    stateText(record, nowMs, terminal),
    record.scopes.join(', '),
    record.expiresAtMs === null ? texts.never : until(record.expiresAtMs, nowMs),
    lastUseProblem !== undefined
      ? texts.unknown
      : lastUse === undefined
        ? texts.never
        : ago(lastUse.atMs, nowMs),
    t.units.clauses(limitsOf(record)) || texts.noLimits,
  ]);
  return table(head, rows, terminal.tableColumns);
}

export function tellUnknownUse({ terminal }: Session, problem: FlmError | undefined): void {
  if (problem !== undefined)
    terminal.talk(`${terminal.paint('yellow', '!')} ${texts.unknownUse(errorForPeople(problem).message)}`);
}

export function keyText(
  { record, lastUse }: ListedKey,
  use: KeyUseDocument,
  problem: FlmError | undefined,
  nowMs: number,
  terminal: Pick<Terminal, 'paint' | 'tableColumns'>,
): string {
  const used =
    lastUse === undefined ? texts.never : texts.usedFrom(exactly(lastUse.atMs, nowMs), lastUse.address);
  const name = texts.facts;
  const { owner, note } = record;
  return facts(
    [
      [name.label, printable(record.label)],
      [name.id, record.id],
      [name.owner, owner === null ? undefined : printable(owner)],
      [name.note, note === null ? undefined : note.split('\n').map(printable).join('\n')],
      [name.key, `${record.prefix}…`],
      [name.state, stateText(record, nowMs, terminal)],
      [name.created, exactly(record.createdAtMs, nowMs)],
      [name.expires, record.expiresAtMs === null ? texts.never : exactly(record.expiresAtMs, nowMs)],
      [name.lastUsed, problem === undefined ? used : texts.unknown],
      [name.scopes, record.scopes.join(', ')],
      [name.limits, limitsOf(record).join('\n') || texts.noLimits],
      [name.used, isUsable(record, nowMs) ? useLines(use, record.limits).join('\n') : undefined],
    ],
    terminal.tableColumns,
  );
}

const dayMs = 86_400_000;
const { advice } = texts;
const soonDays = 14;
const idleDays = 30;

/** Advice for an administrator. Nothing about completed steps or new keys. */
export function adviceOn(
  keys: readonly ListedKey[],
  lastUseProblem: FlmError | undefined,
  nowMs: number,
): readonly string[] {
  const active = keys.filter(({ record }) => isActive(record, nowMs));
  const newest = new Map(active.map(({ record }) => [record.familyId, record.id]));
  const lines: string[] = [];
  for (const { record, lastUse } of active) {
    const { expiresAtMs, createdAtMs, id, familyId } = record;
    // The key was rotated, and its successor continues.
    if (newest.get(familyId) !== id || nowMs - createdAtMs < dayMs) continue;
    const name = `${id} (${printable(record.label)})`;
    if (expiresAtMs !== null && expiresAtMs - nowMs < soonDays * dayMs)
      lines.push(advice.expires(name, moment(expiresAtMs), id));
    if (lastUseProblem === undefined && lastUse === undefined && nowMs - createdAtMs > idleDays * dayMs)
      lines.push(advice.idle(name, idleDays, id));
  }
  return [...lines, ...sharedLabels(active)];
}

/** Older versions allowed one label for several keys. Each label should identify one key. */
function sharedLabels(active: readonly ListedKey[]): readonly string[] {
  const byLabel = Map.groupBy(active, ({ record }) => record.label);
  return [...byLabel].flatMap(([label, holders]) => {
    const newest = new Map(holders.map(({ record }) => [record.familyId, record.id]));
    const [first, ...others] = newest.values();
    if (first === undefined || others.length === 0) return [];
    return [advice.sharedLabel(t.units.and([first, ...others]), printable(label), first)];
  });
}

const stateStyles = { active: 'green', paused: 'yellow', expired: 'red', revoked: 'red' } as const;

function stateText(record: ApiKey, nowMs: number, { paint }: Pick<Terminal, 'paint'>): string {
  const state = keyState(record, nowMs);
  return paint(stateStyles[state], texts.states[state]);
}

/** Each limit and rule of a key in words; empty for a key without them. */
export function limitsOf({
  limits,
  models,
  engines,
  endpoints,
  addresses,
}: Pick<ApiKey, 'limits' | 'models' | 'engines' | 'endpoints' | 'addresses'>): readonly string[] {
  const { requestsPerMinute, burst, tokensPerMinute, tokensPerDay, concurrency } = limits;
  const said: string[] = [];
  if (requestsPerMinute !== null)
    said.push(texts.requestsPerMinute(amount(requestsPerMinute), burst === null ? undefined : amount(burst)));
  if (tokensPerMinute !== null) said.push(texts.tokensPerMinute(amount(tokensPerMinute)));
  if (tokensPerDay !== null) said.push(texts.tokensPerDay(amount(tokensPerDay)));
  if (concurrency !== null) said.push(texts.concurrency(amount(concurrency)));
  for (const [name, list] of Object.entries({ models, engines, endpoints, addresses }))
    if (list.length > 0) said.push(texts.lists[name as keyof typeof texts.lists](list.join(', ')));
  // A number stays with its unit where the cell wraps.
  return said.map((text) => printable(text).replaceAll(/(\d) ([kMG])(?= |[^ -~])/g, '$1\u00a0$2'));
}
