/** Selects entries of the audit, and says from where an entry came. */
import type { AuditEntry } from '../security/ports.ts';
import type { AuditChain, ChainPoint } from './audit-chain.ts';

/** An absent field selects everything. */
export interface AuditQuery {
  /** Inclusive. */
  readonly sinceMs?: number | undefined;
  /** Exclusive. */
  readonly untilMs?: number | undefined;
  /** The whole actor, or its part before or behind the colon. */
  readonly actor?: string | undefined;
  /** This action, and actions that begin with it and a dot. */
  readonly action?: string | undefined;
  /** The subject, or the label that it has in the entry. */
  readonly subject?: string | undefined;
  readonly limit: number;
}

/** A stored entry. `point` is absent for an entry that an older flm has written without a hash. */
export interface StoredAuditEntry extends AuditEntry {
  readonly chain: AuditChain;
  readonly point?: ChainPoint;
}

/** Where changes come from; `other`: an actor of another flm. */
export const auditSources = ['cli', 'apply', 'dashboard', 'api', 'control', 'proxy', 'flm', 'other'] as const;
export type AuditSource = (typeof auditSources)[number];

const sourceByActor: Readonly<Record<string, AuditSource>> = {
  cli: 'cli',
  ui: 'dashboard',
  key: 'api',
  control: 'control',
  proxy: 'proxy',
  flm: 'flm',
};

export function auditSource({ actor, source }: Pick<AuditEntry, 'actor' | 'source'>): AuditSource {
  const stored = auditSources.find((known) => known === source);
  if (stored !== undefined) return stored;
  const [kind = ''] = actor.split(':', 1);
  return Object.hasOwn(sourceByActor, kind) ? (sourceByActor[kind] ?? 'other') : 'other';
}

export function matchesAudit(entry: AuditEntry, query: Omit<AuditQuery, 'limit'>): boolean {
  const { sinceMs, untilMs, actor, action, subject } = query;
  return (
    (sinceMs === undefined || entry.atMs >= sinceMs) &&
    (untilMs === undefined || entry.atMs < untilMs) &&
    (action === undefined || entry.action === action || entry.action.startsWith(`${action}.`)) &&
    (actor === undefined || isActor(entry.actor, actor)) &&
    (subject === undefined || isAbout(entry, subject))
  );
}

/** Newest first; entries of the same time keep the order of their lists. */
export function newestEntries<T extends AuditEntry>(lists: readonly (readonly T[])[], limit: number): T[] {
  return lists
    .flat()
    .sort((a, b) => b.atMs - a.atMs)
    .slice(0, limit);
}

function isActor(actor: string, wanted: string): boolean {
  const colon = actor.indexOf(':');
  return (
    actor === wanted || actor.slice(0, Math.max(colon, 0)) === wanted || actor.slice(colon + 1) === wanted
  );
}

function isAbout({ subject, before, after }: AuditEntry, wanted: string): boolean {
  return subject === wanted || labelOf(after) === wanted || labelOf(before) === wanted;
}

/** `state` is JSON, as `AuditEntry` has it. */
function labelOf(state: string | undefined): unknown {
  if (state === undefined || !state.includes('"label"')) return undefined;
  try {
    const value: unknown = JSON.parse(state);
    return typeof value === 'object' && value !== null ? Reflect.get(value, 'label') : undefined;
  } catch {
    return undefined;
  }
}
