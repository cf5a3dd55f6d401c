/**
 * Keys and policy as the hot path reads them: compiled, immutable, replaced as a whole. A request uses one snapshot
 * from beginning to end, so it never sees half of a change.
 */
import type { Unsubscribe } from '../clock.ts';
import { AddressRules } from './address-rules.ts';
import type { EnforcedKey, KeyView } from './api-key.ts';
import { compileKey, revokedView } from './key-view.ts';
import { OriginRules } from './origin-rules.ts';
import type { SecurityPolicy } from './security-policy.ts';

/** The policy, compiled. */
export interface CompiledPolicy {
  readonly source: SecurityPolicy;
  readonly allow: AddressRules;
  readonly deny: AddressRules;
  readonly trustedProxies: AddressRules;
  readonly origins: OriginRules;
}

export interface Snapshot {
  readonly keysByDigest: ReadonlyMap<string, KeyView>;
  readonly keysById: ReadonlyMap<string, KeyView>;
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
      keysByDigest: new Map(),
      keysById: new Map(),
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
    const key = old.keysById.get(id);
    if (key === undefined) return false;
    if (key.revoked) return true;
    this.#revoked.add(id);
    const revoked = revokedView(key);
    const keysById = new Map(old.keysById).set(id, revoked);
    const keysByDigest = new Map(old.keysByDigest).set(key.digest, revoked);
    this.#swap({ ...old, keysById, keysByDigest });
    return true;
  }

  /** Returns the key with that id. Otherwise those that can be used at `nowMs` and have that label. */
  named(name: string, nowMs: number): readonly KeyView[] {
    const { keysById } = this.#current;
    const byId = keysById.get(name);
    if (byId !== undefined) return [byId];
    return [...keysById.values()].filter(
      (key) => key.label === name && !key.revoked && key.expiresAtMs > nowMs,
    );
  }

  /** Marks the keys as too old to be accepted, or as current again. */
  setExpired(expired: boolean): void {
    if (expired !== this.#current.expired) this.#swap({ ...this.#current, expired });
  }

  /** Applies one change atomically. */
  apply(change: {
    readonly keys?: {
      readonly replaceAll: boolean;
      readonly upserted: Iterable<EnforcedKey>;
      readonly removedIds: readonly string[];
    };
    readonly policy?: SecurityPolicy;
  }): void {
    const old = this.#current;
    let { keysByDigest, keysById } = old;
    if (change.keys !== undefined) {
      const byId = change.keys.replaceAll ? new Map<string, KeyView>() : new Map(old.keysById);
      for (const id of change.keys.removedIds) {
        byId.delete(id);
        this.#revoked.delete(id);
      }
      for (const key of change.keys.upserted) byId.set(key.id, this.#compile(key));
      const byDigest = new Map<string, KeyView>();
      for (const view of byId.values()) byDigest.set(view.digest, view);
      keysByDigest = byDigest;
      keysById = byId;
    }
    const policy = change.policy === undefined ? old.policy : compilePolicy(change.policy);
    this.#swap({ keysByDigest, keysById, policy, expired: old.expired });
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
