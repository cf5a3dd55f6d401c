/**
 * Shows keys as a table, as text, and as the JSON document of docs/cli.md, and gives advice to administrators. Never
 * shows the digest or the secret.
 */
import type { FlmError } from '../../core/errors.ts';
import { type ApiKey, isActive, isUsable, keyState } from '../../core/security/api-key.ts';
import type { KeyUseDocument } from '../../core/security/key-use.ts';
import type { ListedKey } from '../../core/security/security-service.ts';
import type { Session } from '../command.ts';
import { facts, moment, printable, table } from '../terminal/layout.ts';
import { useLines } from './key-use.ts';

export function keysTable(
  keys: readonly ListedKey[],
  lastUseProblem: FlmError | undefined,
  nowMs: number,
  columns: number | undefined,
): string {
  const withOwner = keys.some(({ record }) => record.owner !== null);
  const rows = keys.map(({ record, lastUse }) => [
    record.id,
    printable(record.label),
    ...(withOwner ? [printable(record.owner ?? '')] : []),
    `${record.prefix}…`,
    stateOf(record, nowMs),
    lastUseProblem !== undefined ? 'unknown' : lastUse === undefined ? 'never' : moment(lastUse.atMs),
    rulesOf(record).join('; ') || 'everything with scope inference',
  ]);
  const owner = withOwner ? ['OWNER'] : [];
  return table(['ID', 'LABEL', ...owner, 'KEY', 'STATE', 'LAST USED', 'MAY'], rows, columns);
}

export function tellUnknownUse({ terminal }: Session, problem: FlmError | undefined): void {
  if (problem !== undefined)
    terminal.talk(`${terminal.paint('yellow', '!')} The last use of keys is unknown: ${problem.message}`);
}

export function keyText(
  { record, lastUse }: ListedKey,
  use: KeyUseDocument,
  problem: FlmError | undefined,
  nowMs: number,
): string {
  const used = lastUse === undefined ? 'never' : `${moment(lastUse.atMs)} from ${lastUse.address}`;
  return facts([
    ['id', record.id],
    ['label', printable(record.label)],
    ['owner', record.owner === null ? undefined : printable(record.owner)],
    ['note', record.note === null ? undefined : record.note.split('\n').map(printable).join('\n')],
    ['key', `${record.prefix}…`],
    ['state', stateOf(record, nowMs)],
    ['created', moment(record.createdAtMs)],
    ['expires', record.expiresAtMs === null ? 'never' : moment(record.expiresAtMs)],
    ['last used', problem === undefined ? used : 'unknown'],
    ['scopes', record.scopes.join(', ')],
    ['rules', rulesOf(record).join('\n') || 'none'],
    ['used', isUsable(record, nowMs) ? useLines(use, record.limits).join('\n') : undefined],
  ]);
}

const dayMs = 86_400_000;
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
      lines.push(
        `${name} expires on ${moment(expiresAtMs)}; move that: flm key set ${id} --expires 90d, or make its successor: flm key rotate ${id} --overlap 7d`,
      );
    if (lastUseProblem === undefined && lastUse === undefined && nowMs - createdAtMs > idleDays * dayMs)
      lines.push(`${name} was not used in ${idleDays} days; revoke it: flm key revoke ${id}`);
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
    return [
      `${[first, ...others].join(' and ')} have the same label ${printable(label)}; change one: flm key set ${first} --label LABEL`,
    ];
  });
}

function stateOf(record: ApiKey, nowMs: number): string {
  const state = keyState(record, nowMs);
  return state !== 'active' || record.expiresAtMs === null ? state : `until ${moment(record.expiresAtMs)}`;
}

function rulesOf(record: ApiKey): readonly string[] {
  const { limits } = record;
  const scopes = record.scopes.join(',') === 'inference' ? [] : record.scopes;
  const lists: readonly (readonly [string, readonly string[]])[] = [
    ['scopes', scopes],
    ['models', record.models],
    ['engines', record.engines],
    ['endpoints', record.endpoints],
    ['from', record.addresses],
  ];
  const rules = lists
    .filter(([, list]) => list.length > 0)
    .map(([name, list]) => `${name} ${list.join(', ')}`);
  if (limits.requestsPerMinute !== null) {
    const burst = limits.burst === null ? '' : `, ${limits.burst} at once`;
    rules.push(`${limits.requestsPerMinute} requests a minute${burst}`);
  }
  if (limits.tokensPerMinute !== null) rules.push(`${limits.tokensPerMinute} tokens a minute`);
  if (limits.tokensPerDay !== null) rules.push(`${limits.tokensPerDay} tokens a day`);
  if (limits.concurrency !== null) rules.push(`${limits.concurrency} at a time`);
  return rules.map(printable);
}
