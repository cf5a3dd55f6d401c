/**
 * Plans the keys of a file. An entry means the stored key with its secret. If there is none, it means the key with its
 * label that an earlier file listed: that key gets the new secret, and its old secrets are revoked. Otherwise the entry
 * makes a key.
 *
 * A key never comes back by a file: a revoked key stays revoked, an expired entry makes no key, and a secret that was
 * rotated keeps its end. These are warnings, so that an emergency does not block the rest of the file.
 */

import type { Fault } from '../errors.ts';
import { type ApiKey, isActive, takenLabelFault } from '../security/api-key.ts';
import { requestedKey, rulesOf } from '../security/key-record.ts';
import type { KeyRequest } from '../security/key-request.ts';
import type { StoredConfiguration } from './ports.ts';
import { differences } from './same-value.ts';
import type { AppliedStep, PlannedEntry, SectionPlan } from './section-plan.ts';

/** A key as the file lists it. */
export interface FileKey {
  readonly request: KeyRequest;
  readonly digest: string;
  /** Undefined: the prefix stays; a new key gets the start of its digest. */
  readonly prefix: string | undefined;
  /** Undefined: a pause stays as it is. */
  readonly paused: boolean | undefined;
}

export interface KeyWarning {
  /** `revoked`: the key stays revoked. `rotated`: a newer secret replaced this one. `expired`: no key was made. */
  readonly reason: 'revoked' | 'rotated' | 'expired';
  readonly label: string;
  readonly keyId?: string;
}

export interface KeyPlan extends SectionPlan<ApiKey> {
  readonly warnings: readonly KeyWarning[];
}

interface KeyPlanOptions {
  readonly nowMs: number;
  readonly prune: boolean;
  readonly newKeyId: () => string;
}

export function planKeys(
  listed: readonly FileKey[] | undefined,
  { keys, applied }: StoredConfiguration,
  options: KeyPlanOptions,
): KeyPlan {
  const planner = new KeyPlanner(keys, applied.key, options);
  planner.claim(listed ?? []);
  for (const [at, key] of (listed ?? []).entries()) planner.add(key, at);
  return planner.end(listed !== undefined);
}

class KeyPlanner {
  readonly #options: KeyPlanOptions;
  readonly #applied: readonly string[];
  /** The keys as they will be, by id. */
  readonly #keys: Map<string, ApiKey>;
  readonly #byDigest: ReadonlyMap<string, ApiKey>;
  /** Families that some entry means by its secret, so that no other entry means them by label. */
  readonly #claimed = new Set<string>();
  /** Active keys that an earlier file listed. */
  readonly #byLabel: ReadonlyMap<string, ApiKey>;
  readonly #families = new Map<string, ApiKey[]>();
  readonly #saved = new Map<string, ApiKey>();
  readonly #steps: AppliedStep[] = [];
  readonly #audit: PlannedEntry[] = [];
  readonly #warnings: KeyWarning[] = [];
  /** The families that the file lists, with the position of their entry. */
  readonly #listed = new Map<string, number>();
  readonly #faults: Fault[] = [];
  #unchanged = 0;

  constructor(keys: readonly ApiKey[], applied: readonly string[], options: KeyPlanOptions) {
    const { nowMs } = options;
    this.#options = options;
    this.#applied = applied;
    this.#keys = new Map(keys.map((key) => [key.id, key]));
    this.#byDigest = new Map(keys.map((key) => [key.digest, key]));
    const known = new Set(applied);
    const ours = keys.filter((key) => known.has(key.familyId) && isActive(key, nowMs));
    this.#byLabel = new Map(ours.map((key) => [key.label, key]));
    for (const key of keys) {
      const family = this.#families.get(key.familyId);
      if (family === undefined) this.#families.set(key.familyId, [key]);
      else family.push(key);
    }
  }

  claim(listed: readonly FileKey[]): void {
    for (const { digest } of listed) {
      const known = this.#byDigest.get(digest);
      if (known !== undefined) this.#claimed.add(known.familyId);
    }
  }

  add(listed: FileKey, at: number): void {
    const { label } = listed.request;
    const known = this.#byDigest.get(listed.digest);
    if (known !== undefined) {
      this.#list(known.familyId, at);
      return this.#follow(known, listed);
    }
    const sameLabel = this.#byLabel.get(label);
    if (sameLabel !== undefined && !this.#claimed.has(sameLabel.familyId)) {
      this.#list(sameLabel.familyId, at);
      return this.#rotate(sameLabel, listed);
    }
    const { expiresAtMs } = listed.request;
    if (expiresAtMs !== null && expiresAtMs <= this.#options.nowMs) {
      this.#warnings.push({ reason: 'expired', label });
      return;
    }
    const id = this.#options.newKeyId();
    const key = this.#fresh(id, id, this.#options.nowMs, listed);
    this.#list(id, at);
    this.#save(key);
    this.#steps.push({ kind: 'key', name: label, change: 'create', fields: [], keyId: id });
    this.#audit.push({ action: 'key.import', subject: id, after: JSON.stringify(key) });
  }

  end(isSection: boolean): KeyPlan {
    const isPruned = (family: string): boolean =>
      this.#options.prune && isSection && !this.#listed.has(family);
    const pruned = this.#applied.filter(isPruned);
    // In the order of their labels: ids are random.
    const labelOf = (family: string): string => this.#families.get(family)?.at(-1)?.label ?? '';
    for (const family of pruned.sort((a, b) => (labelOf(a) < labelOf(b) ? -1 : 1))) this.#remove(family);
    const kept = this.#applied.filter((family) => this.#families.has(family) && !isPruned(family));
    return {
      saved: [...this.#saved.values()],
      deleted: [],
      steps: this.#steps,
      audit: this.#audit,
      applied: [...new Set([...kept, ...this.#listed.keys()])].sort(),
      unchanged: this.#unchanged,
      faults: [...this.#faults, ...this.#takenLabels()],
      warnings: this.#warnings,
    };
  }

  #list(family: string, at: number): void {
    if (this.#listed.has(family)) {
      const allowed = 'a secret of a key that no other entry means';
      this.#faults.push({ field: `keys.${at}.digest`, value: 'a value that is not shown', allowed });
    }
    this.#listed.set(family, at);
  }

  /** The stored key gets the rules of the entry, as do the other valid secrets of its family. */
  #follow(known: ApiKey, listed: FileKey): void {
    const { label } = listed.request;
    const { nowMs } = this.#options;
    if (known.revokedAtMs !== null) return this.#warn('revoked', known, label);
    const family = (this.#families.get(known.familyId) ?? []).filter((key) => key.revokedAtMs === null);
    if (family.some((key) => key.createdAtMs > known.createdAtMs)) return this.#warn('rotated', known, label);
    const after = this.#changed(known, listed, true);
    const fields = differences(settingsOf(known), settingsOf(after));
    if (fields.length === 0) {
      this.#unchanged += 1;
      return;
    }
    this.#save(after);
    for (const key of family)
      if (key.id !== known.id && isActive(key, nowMs)) this.#save(this.#changed(key, listed, false));
    this.#steps.push({ kind: 'key', name: label, change: 'change', fields, keyId: known.id });
    const [before, now] = [JSON.stringify(known), JSON.stringify(after)];
    this.#audit.push({ action: 'key.set', subject: known.id, before, after: now });
  }

  /** The secret of a key is another one in the file: the file is the truth, so no old secret stays valid. */
  #rotate(old: ApiKey, listed: FileKey): void {
    const { nowMs, newKeyId } = this.#options;
    const { expiresAtMs, label } = listed.request;
    if (expiresAtMs !== null && expiresAtMs <= nowMs) return this.#warn('expired', old, label);
    const id = newKeyId();
    // Later than its predecessor even if the clock did not advance: a label means the newest key of a family.
    const successor = this.#fresh(id, old.familyId, Math.max(nowMs, old.createdAtMs + 1), listed);
    const key = { ...successor, pausedAtMs: pauseOf(listed.paused, old.pausedAtMs, nowMs) };
    for (const one of this.#families.get(old.familyId) ?? [])
      if (one.revokedAtMs === null) this.#save({ ...one, revokedAtMs: nowMs });
    this.#save(key);
    this.#steps.push({ kind: 'key', name: label, change: 'rotate', fields: ['digest'], keyId: id });
    const [before, after] = [JSON.stringify(old), JSON.stringify(key)];
    this.#audit.push({ action: 'key.rotate', subject: old.id, before, after });
  }

  #remove(familyId: string): void {
    const { nowMs } = this.#options;
    for (const key of this.#families.get(familyId) ?? []) {
      if (!isActive(key, nowMs)) continue;
      const revoked = { ...key, revokedAtMs: nowMs };
      this.#save(revoked);
      this.#steps.push({ kind: 'key', name: key.label, change: 'remove', fields: [], keyId: key.id });
      const [before, after] = [JSON.stringify(key), JSON.stringify(revoked)];
      this.#audit.push({ action: 'key.revoke', subject: key.id, before, after });
    }
  }

  #fresh(id: string, familyId: string, createdAtMs: number, listed: FileKey): ApiKey {
    const { request, digest, prefix = `sha256:${digest.slice(0, 8)}`, paused } = listed;
    const pausedAtMs = pauseOf(paused, null, this.#options.nowMs);
    return { ...requestedKey(request, createdAtMs), id, familyId, digest, prefix, pausedAtMs };
  }

  /** `own`: the secret that the file names. Only that one gets the expiry of the entry. */
  #changed(key: ApiKey, { request, prefix, paused }: FileKey, own: boolean): ApiKey {
    return {
      ...key,
      ...rulesOf(request),
      pausedAtMs: pauseOf(paused, key.pausedAtMs, this.#options.nowMs),
      ...(own ? { expiresAtMs: request.expiresAtMs, prefix: prefix ?? key.prefix } : {}),
    };
  }

  #save(key: ApiKey): void {
    this.#keys.set(key.id, key);
    this.#saved.set(key.id, key);
  }

  #warn(reason: KeyWarning['reason'], { id }: ApiKey, label: string): void {
    this.#warnings.push({ reason, label, keyId: id });
  }

  /** Labels are compared as they will be, so that two entries can swap theirs. */
  #takenLabels(): readonly Fault[] {
    const holders = new Map<string, ApiKey>();
    const faults: Fault[] = [];
    const isListed = ({ familyId }: ApiKey): boolean => this.#listed.has(familyId);
    for (const key of this.#keys.values()) {
      if (!isActive(key, this.#options.nowMs)) continue;
      const holder = holders.get(key.label);
      if (holder === undefined || holder.familyId === key.familyId) {
        holders.set(key.label, key);
        continue;
      }
      const [ours, other] = isListed(key) ? [key, holder] : [holder, key];
      const [fault] = takenLabelFault(ours.label, other.id).faults;
      // Two keys outside the file that have one label are not its fault.
      const at = this.#listed.get(ours.familyId);
      if (fault !== undefined && at !== undefined && this.#saved.has(ours.id))
        faults.push({ ...fault, field: `keys.${at}.label` });
    }
    return faults;
  }
}

function pauseOf(paused: boolean | undefined, before: number | null, nowMs: number): number | null {
  if (paused === undefined) return before;
  return paused ? (before ?? nowMs) : null;
}

/** What a file sets, by the names that it uses. */
function settingsOf({ limits, expiresAtMs, pausedAtMs, prefix, ...key }: ApiKey): object {
  const { label, owner, note, scopes, models, engines, endpoints, addresses } = key;
  const rules = { label, owner, note, scopes, models, engines, endpoints, addresses, ...limits };
  return { ...rules, expiresAt: expiresAtMs, paused: pausedAtMs !== null, prefix };
}
