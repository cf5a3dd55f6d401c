/**
 * Keys and policy as the hot path reads them: compiled, immutable, replaced as a whole. A request uses one snapshot
 * from beginning to end, so it never sees half of a change.
 */
import type { Unsubscribe } from '../clock.ts';
import { AddressRules } from './address-rules.ts';
import type { EnforcedKey, KeyView } from './api-key.ts';
import { KeySet } from './key-set.ts';
import { compileKey, revokedView } from './key-view.ts';
import { OriginRules } from './origin-rules.ts';
import type { SecurityPolicy } from './security-policy.ts';
import { type StoredKeyChange, StoredKeys } from './stored-keys.ts';

/** The policy, compiled. */
export interface CompiledPolicy {
  readonly source: SecurityPolicy;
  readonly allow: AddressRules;
  readonly deny: AddressRules;
  readonly trustedProxies: AddressRules;
  readonly origins: OriginRules;
}

export interface Snapshot {
  readonly keys: KeySet;
  readonly policy: CompiledPolicy;
  /** The keys are too old to be accepted: the proxy has not been able to read its database for too long. */
  readonly expired: boolean;
}

export interface SnapshotSource {
  current(): Snapshot;
  onSwap(f: (old: Snapshot, now: Snapshot) => void): Unsubscribe;
}

export function compilePolicy(source: SecurityPolicy): CompiledPolicy {
  return {
    source,
    allow: new AddressRules(source.allowIps),
    deny: new AddressRules(source.denyIps),
    trustedProxies: new AddressRules(source.trustedProxies),
    origins: new OriginRules(source.allowOrigins),
  };
}

/**
 * Holds the current snapshot and builds the next one from the changes. Unchanged keys keep their views.
 *
 * A key that was revoked here because the store could not be written stays revoked until the store revokes or deletes
 * it too.
 */
export class SnapshotHolder implements SnapshotSource {
  #current: Snapshot;
  readonly #listeners = new Set<(old: Snapshot, now: Snapshot) => void>();
  /** Ids of keys that are revoked here and not yet in the store. */
  readonly #revoked = new Set<string>();

  constructor(policy: SecurityPolicy) {
    this.#current = {
      keys: KeySet.empty,
      policy: compilePolicy(policy),
      expired: false,
    };
  }

  current(): Snapshot {
    return this.#current;
  }

  onSwap(f: (old: Snapshot, now: Snapshot) => void): Unsubscribe {
    this.#listeners.add(f);
    return () => this.#listeners.delete(f);
  }

  /** Revokes a key in memory; false if there is no key with that id. */
  revoke(id: string): boolean {
    const old = this.#current;
    const key = old.keys.withId(id);
    if (key === undefined) return false;
    if (key.revoked) return true;
    this.#revoked.add(id);
    this.#swap({ ...old, keys: old.keys.with([revokedView(key)], []) });
    return true;
  }

  /** Returns the key with that id. Otherwise those that can be used at `nowMs` and have that label. */
  named(name: string, nowMs: number): readonly KeyView[] {
    const { keys } = this.#current;
    const byId = keys.withId(name);
    if (byId !== undefined) return [byId];
    return keys.withLabel(name).filter((key) => !key.revoked && key.expiresAtMs > nowMs);
  }

  /** Marks the keys as too old to be accepted, or as current again. */
  setExpired(expired: boolean): void {
    if (expired !== this.#current.expired) this.#swap({ ...this.#current, expired });
  }

  /** Applies one change atomically. */
  apply(change: { readonly keys?: StoredKeyChange; readonly policy?: SecurityPolicy }): void {
    const { keys, policy, expired } = this.#current;
    this.#swap({
      keys: change.keys === undefined ? keys : this.#changedKeys(keys, change.keys),
      policy: change.policy === undefined ? policy : compilePolicy(change.policy),
      expired,
    });
  }

  #changedKeys(before: KeySet, { replaceAll, upserted, removedIds }: StoredKeyChange): KeySet {
    for (const id of removedIds) this.#revoked.delete(id);
    if (replaceAll && upserted instanceof StoredKeys) {
      const read = KeySet.read(upserted.slices);
      return read.with([...this.#stillRevoked(read), ...this.#compiled(upserted.changed)], removedIds);
    }
    return (replaceAll ? KeySet.empty : before).with(this.#compiled(upserted), removedIds);
  }

  /** Keys that are revoked here and not in what was read. */
  #stillRevoked(read: KeySet): readonly KeyView[] {
    return [...this.#revoked].flatMap((id) => {
      const key = read.withId(id);
      if (key?.revoked === true) this.#revoked.delete(id);
      return key === undefined || key.revoked ? [] : [revokedView(key)];
    });
  }

  #compiled(keys: Iterable<EnforcedKey>): readonly KeyView[] {
    return Array.from(keys, (key) => this.#compile(key));
  }

  #swap(next: Snapshot): void {
    const old = this.#current;
    this.#current = next;
    for (const listener of this.#listeners) listener(old, next);
  }

  #compile(key: EnforcedKey): KeyView {
    if (key.revokedAtMs !== null) this.#revoked.delete(key.id);
    return this.#revoked.has(key.id) ? revokedView(compileKey(key)) : compileKey(key);
  }
}
