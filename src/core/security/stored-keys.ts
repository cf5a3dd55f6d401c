/**
 * Keys as a store sends them to a proxy: by column, in slices. Most keys differ only in id, label, digest and expiry. The
 * rest is sent once for all keys of a slice that share it. A hundred thousand keys are cheap to read and to hold this way,
 * because a key is made only when somebody reads it.
 */
import type { EnforcedKey } from './api-key.ts';

/** A SHA-256 digest, as elements of a `Uint32Array`. Its bytes have the same order in memory. */
export const digestWords = 8;
export const digestBytes = digestWords * Uint32Array.BYTES_PER_ELEMENT;

/** `replaceAll`: drop all earlier keys first. */
export interface StoredKeyChange {
  readonly replaceAll: boolean;
  readonly upserted: Iterable<EnforcedKey>;
  readonly removedIds: readonly string[];
}

/** Some keys, with one entry for each key in each column. */
export interface KeySlice {
  readonly count: number;
  /** `digestWords` for each key. */
  readonly digests: Uint32Array;
  /** JSON lists of texts. */
  readonly ids: string;
  readonly labels: string;
  /** Infinity: the key does not expire. */
  readonly expiriesMs: Float64Array;
  /** Positions in `kinds`. */
  readonly kindOf: Uint32Array;
  /** What keys share; the other fields are empty. An empty family is that of the key itself. */
  readonly kinds: readonly EnforcedKey[];
}

/** The keys of one slice, made when they are read. */
export class SlicedKeys implements Iterable<EnforcedKey> {
  readonly #slice: KeySlice;
  /** Texts until they are read. */
  #ids: string | readonly string[];
  #labels: string | readonly string[];

  constructor(slice: KeySlice) {
    this.#slice = { ...slice, ids: '', labels: '' };
    this.#ids = slice.ids;
    this.#labels = slice.labels;
  }

  get count(): number {
    return this.#slice.count;
  }
  get digests(): Uint32Array {
    return this.#slice.digests;
  }
  get kinds(): readonly EnforcedKey[] {
    return this.#slice.kinds;
  }

  // The store made the lists, with one text for each key.
  get ids(): readonly string[] {
    if (typeof this.#ids === 'string') this.#ids = JSON.parse(this.#ids) as readonly string[];
    return this.#ids;
  }
  get labels(): readonly string[] {
    if (typeof this.#labels === 'string') this.#labels = JSON.parse(this.#labels) as readonly string[];
    return this.#labels;
  }

  /** The position of the key with that id, or -1. Reads the list of ids only if its text has the id. */
  indexOf(id: string): number {
    if (typeof this.#ids === 'string' && !this.#ids.includes(JSON.stringify(id))) return -1;
    return this.ids.indexOf(id);
  }

  keyAt(at: number): EnforcedKey {
    const { expiriesMs, digests } = this.#slice;
    const kind = this.#kindAt(at);
    const id = this.ids[at] as string;
    const expiresAtMs = expiriesMs[at] as number;
    const digest = Buffer.from(digests.buffer, digests.byteOffset + at * digestBytes, digestBytes);
    return {
      ...kind,
      id,
      familyId: kind.familyId || id,
      label: this.labels[at] as string,
      digest: digest.toString('hex'),
      expiresAtMs: expiresAtMs === Number.POSITIVE_INFINITY ? null : expiresAtMs,
    };
  }

  /** The number of keys that a client can use at that time. */
  usableAt(nowMs: number): number {
    const { count, expiriesMs } = this.#slice;
    let usable = 0;
    for (let at = 0; at < count; at++) {
      const { revokedAtMs, pausedAtMs } = this.#kindAt(at);
      if (revokedAtMs === null && pausedAtMs === null && (expiriesMs[at] as number) > nowMs) usable += 1;
    }
    return usable;
  }

  *[Symbol.iterator](): Generator<EnforcedKey, undefined> {
    for (let at = 0; at < this.#slice.count; at++) yield this.keyAt(at);
  }

  #kindAt(at: number): EnforcedKey {
    const { kinds, kindOf } = this.#slice;
    return kinds[kindOf[at] as number] as EnforcedKey;
  }
}

/** The keys of one read of a store. */
export class StoredKeys implements Iterable<EnforcedKey> {
  /** Read slice by slice. No id is in two of them. */
  readonly slices: readonly SlicedKeys[];
  /** Ids in `slices` of keys that were deleted meanwhile. */
  readonly removed: ReadonlySet<string>;
  /** Read last. These replace keys with the same ids in `slices`. */
  readonly changed: Iterable<EnforcedKey>;

  constructor(slices: readonly SlicedKeys[], removed: ReadonlySet<string>, changed: Iterable<EnforcedKey>) {
    this.slices = slices;
    this.removed = removed;
    this.changed = changed;
  }

  *[Symbol.iterator](): Generator<EnforcedKey, undefined> {
    for (const slice of this.slices) for (const key of slice) if (!this.removed.has(key.id)) yield key;
    yield* this.changed;
  }
}
