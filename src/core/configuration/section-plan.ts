/**
 * Plans one section of a file whose entries have names that never change: profiles, engines, aliases. Also the types
 * that all sections share.
 */
import type { Fault } from '../errors.ts';
import type { AuditEntry } from '../security/ports.ts';
import type { AppliedKind } from './ports.ts';
import { differences } from './same-value.ts';

/** One thing that a change creates, changes or removes. */
export interface AppliedStep {
  readonly kind: AppliedKind | 'policy';
  /** Name of a profile or an alias, id of an engine, label of a key, `policy`. */
  readonly name: string;
  readonly change: 'create' | 'change' | 'rotate' | 'remove';
  /** The fields that differ. */
  readonly fields: readonly string[];
  /** Only of keys. */
  readonly keyId?: string;
}

export type PlannedEntry = Omit<AuditEntry, 'atMs' | 'actor'>;

export interface SectionPlan<Value> {
  readonly saved: readonly Value[];
  /** Names to delete. */
  readonly deleted: readonly string[];
  readonly steps: readonly AppliedStep[];
  readonly audit: readonly PlannedEntry[];
  /** What applied files have listed, from now on. */
  readonly applied: readonly string[];
  /** How many entries of the file are stored as they are. */
  readonly unchanged: number;
  /** Of fields of the file. */
  readonly faults: readonly Fault[];
}

export interface SectionRules<Entry, Value> {
  readonly kind: Exclude<AppliedKind, 'key'>;
  /** The entries of the file by name; undefined: the section stays as it is. */
  readonly entries: ReadonlyMap<string, Entry> | undefined;
  /** The stored values by name. */
  readonly stored: ReadonlyMap<string, Value>;
  readonly applied: readonly string[];
  readonly prune: boolean;
  /** Actions of the audit. */
  readonly actions: { readonly create: string; readonly change: string; readonly remove: string };
  /** The value that the entry asks for. */
  readonly wanted: (name: string, entry: Entry, before: Value | undefined) => Value;
  /** The part of a value that is compared. */
  readonly settings: (value: Value) => object;
}

export function planSection<Entry, Value>(
  rules: SectionRules<Entry, Value>,
): Omit<SectionPlan<Value>, 'faults'> {
  const { kind, entries, stored, prune, actions, settings } = rules;
  const saved: Value[] = [];
  const steps: AppliedStep[] = [];
  const audit: PlannedEntry[] = [];
  for (const [name, entry] of entries ?? []) {
    const before = stored.get(name);
    const value = rules.wanted(name, entry, before);
    const fields = before === undefined ? [] : differences(settings(before), settings(value));
    if (before !== undefined && fields.length === 0) continue;
    const change = before === undefined ? 'create' : 'change';
    saved.push(value);
    steps.push({ kind, name, change, fields });
    const old = before === undefined ? {} : { before: JSON.stringify(settings(before)) };
    audit.push({ action: actions[change], subject: name, ...old, after: JSON.stringify(settings(value)) });
  }
  const unchanged = (entries?.size ?? 0) - saved.length;
  const isPruned = (name: string): boolean => prune && entries !== undefined && !entries.has(name);
  const deleted = rules.applied.filter((name) => stored.has(name) && isPruned(name));
  for (const name of deleted) {
    steps.push({ kind, name, change: 'remove', fields: [] });
    audit.push({
      action: actions.remove,
      subject: name,
      // `deleted` holds only names of stored values.
      before: JSON.stringify(settings(stored.get(name) as Value)),
    });
  }
  const kept = rules.applied.filter((name) => stored.has(name) && !isPruned(name));
  const applied = [...new Set([...kept, ...(entries?.keys() ?? [])])].sort();
  return { saved, deleted, steps, audit, applied, unchanged };
}
