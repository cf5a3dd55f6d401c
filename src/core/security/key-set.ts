/**
 * The keys that a proxy knows, as the hot path reads them. A set does not change: `with` makes the next one, and shares the
 * compiled keys of this one.
 *
 *   keys of the last whole read   `ReadKeys`, the same in all sets until the next whole read
 *   keys changed since            they replace those of the read
 *
 * So a change costs as much as all changes since the read, and not as much as all keys.
 */
import type { KeyView } from './api-key.ts';
import { ReadKeys } from './read-keys.ts';
import type { SlicedKeys } from './stored-keys.ts';

export class KeySet {
  static readonly empty = KeySet.read([]);

  readonly #read: ReadKeys;
  /** Ids that are not, or no longer, those of a key of the read. */
  readonly #gone: ReadonlySet<string>;
  readonly #byId: ReadonlyMap<string, KeyView>;
  readonly #byDigest: ReadonlyMap<string, KeyView>;

  private constructor(
    read: ReadKeys,
    gone: ReadonlySet<string>,
    byId: ReadonlyMap<string, KeyView>,
    byDigest: ReadonlyMap<string, KeyView>,
  ) {
    this.#read = read;
    this.#gone = gone;
    this.#byId = byId;
    this.#byDigest = byDigest;
  }

  /** The keys of these slices. Throws if a key cannot be compiled. */
  static read(slices: readonly SlicedKeys[]): KeySet {
    return new KeySet(new ReadKeys(slices), new Set(), new Map(), new Map());
  }

  /** `digest`: SHA-256 in lower-case hexadecimal. */
  withDigest(digest: string): KeyView | undefined {
    const changed = this.#byDigest.get(digest);
    if (changed !== undefined) return changed;
    const key = this.#read.withDigest(digest);
    return key === undefined || this.#gone.has(key.id) ? undefined : key;
  }

  withId(id: string): KeyView | undefined {
    const changed = this.#byId.get(id);
    if (changed !== undefined) return changed;
    return this.#gone.has(id) ? undefined : this.#read.withId(id);
  }

  withLabel(label: string): readonly KeyView[] {
    const read = this.#read.withLabel(label).filter(({ id }) => !this.#gone.has(id));
    return [...read, ...[...this.#byId.values()].filter((key) => key.label === label)];
  }

  get size(): number {
    return this.#read.count - this.#read.withIds(this.#gone).length + this.#byId.size;
  }

  /** The number of keys that a client can use at that time. */
  usableAt(nowMs: number): number {
    let usable = this.#read.usableAt(nowMs);
    for (const key of this.#read.withIds(this.#gone)) if (isUsable(key, nowMs)) usable -= 1;
    for (const key of this.#byId.values()) if (isUsable(key, nowMs)) usable += 1;
    return usable;
  }

  /** The set without the removed keys, and with the changed ones in place of those with the same ids. */
  with(changed: Iterable<KeyView>, removedIds: Iterable<string>): KeySet {
    const gone = new Set(this.#gone);
    const byId = new Map(this.#byId);
    const byDigest = new Map(this.#byDigest);
    const remove = (id: string): void => {
      // Few keys are all in the maps.
      if (this.#read.count > 0) gone.add(id);
      const before = byId.get(id);
      if (before === undefined) return;
      byId.delete(id);
      // Another key may have that digest by now.
      if (byDigest.get(before.digest) === before) byDigest.delete(before.digest);
    };
    for (const id of removedIds) remove(id);
    for (const key of changed) {
      remove(key.id);
      byId.set(key.id, key);
      byDigest.set(key.digest, key);
    }
    return new KeySet(this.#read, gone, byId, byDigest);
  }
}

function isUsable(key: KeyView, nowMs: number): boolean {
  return !key.revoked && !key.paused && key.expiresAtMs > nowMs;
}
