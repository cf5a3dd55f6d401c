/**
 * The keys of one whole read of the store: indexed by digest at once, by id when first needed, and compiled when they are
 * first used. Of a hundred thousand keys, most are not used soon.
 */
import type { KeyView } from './api-key.ts';
import { compileKey } from './key-view.ts';
import { digestBytes, digestWords, type SlicedKeys } from './stored-keys.ts';

/** With 100,000 keys a search takes less than 1 ms, and the index by id 50 to 150 ms and 8 MB. */
const mostSearches = 50;

interface Part {
  readonly keys: SlicedKeys;
  /** The position of its first key. */
  readonly first: number;
}

export class ReadKeys {
  readonly count: number;
  readonly #parts: readonly Part[];
  /**
   * A hash table with open addressing: the position of each key + 1. The first word of its digest, which is as good as a random
   * number, names the place; if that is taken, the next free one is used. At least half is empty.
   */
  readonly #places: Uint32Array;
  readonly #asked = new Uint32Array(digestWords);
  /** The keys that were used; undefined: no key has this id. */
  readonly #viewById = new Map<string, KeyView | undefined>();
  #positions: ReadonlyMap<string, number> | undefined;

  constructor(slices: readonly SlicedKeys[]) {
    const parts: Part[] = [];
    let count = 0;
    for (const keys of slices) {
      parts.push({ keys, first: count });
      count += keys.count;
    }
    this.count = count;
    this.#parts = parts;
    this.#places = new Uint32Array(2 ** Math.ceil(Math.log2(count * 2 + 1)));
    for (const { keys, first } of parts) {
      // An invalid rule is an error of the read, not of the first request with the key.
      for (const kind of keys.kinds) compileKey(kind);
      const { digests } = keys;
      for (let i = 0; i < keys.count; i++)
        this.#places[this.#freePlace(digests[i * digestWords] as number)] = first + i + 1;
    }
  }

  withDigest(digest: string): KeyView | undefined {
    const at = this.#find(digest);
    return at === undefined ? undefined : this.#viewAt(at);
  }

  withId(id: string): KeyView | undefined {
    const used = this.#viewById.get(id);
    if (used !== undefined || this.count === 0 || this.#viewById.has(id)) return used;
    this.#positions ??= this.#positionById();
    const at = this.#positions.get(id);
    return at === undefined ? undefined : this.#viewAt(at);
  }

  /** The keys with these ids, few of which are new since the last call. */
  withIds(ids: ReadonlySet<string>): readonly KeyView[] {
    const unknown = Array.from(ids).filter((id) => !this.#viewById.has(id));
    const isFew = unknown.length <= mostSearches;
    for (const id of unknown) this.#viewById.set(id, isFew ? this.#search(id) : this.withId(id));
    return Array.from(ids).flatMap((id) => this.#viewById.get(id) ?? []);
  }

  withLabel(label: string): readonly KeyView[] {
    return this.#parts.flatMap(({ keys, first }) =>
      keys.labels.flatMap((each, i) => (each === label ? [this.#viewAt(first + i)] : [])),
    );
  }

  usableAt(nowMs: number): number {
    return this.#parts.reduce((sum, { keys }) => sum + keys.usableAt(nowMs), 0);
  }

  /** `word`: the first one of the digest. */
  #freePlace(word: number): number {
    const mask = this.#places.length - 1;
    let place = word & mask;
    while (this.#places[place] !== 0) place = (place + 1) & mask;
    return place;
  }

  #find(digest: string): number | undefined {
    if (this.count === 0 || digest.length !== digestBytes * 2) return undefined;
    const asked = this.#asked;
    if (Buffer.from(asked.buffer).write(digest, 'hex') !== digestBytes) return undefined;
    const mask = this.#places.length - 1;
    for (let place = (asked[0] as number) & mask; ; place = (place + 1) & mask) {
      const found = this.#places[place] as number;
      if (found === 0) return undefined;
      const { keys, first } = this.#partOf(found - 1);
      const from = (found - 1 - first) * digestWords;
      if (asked.every((word, i) => keys.digests[from + i] === word)) return found - 1;
    }
  }

  #search(id: string): KeyView | undefined {
    for (const { keys, first } of this.#parts) {
      const at = keys.indexOf(id);
      if (at >= 0) return this.#viewAt(first + at);
    }
    return undefined;
  }

  #positionById(): ReadonlyMap<string, number> {
    const positions = new Map<string, number>();
    for (const { keys, first } of this.#parts)
      for (const [i, id] of keys.ids.entries()) positions.set(id, first + i);
    return positions;
  }

  #partOf(at: number): Part {
    // The first part begins with 0.
    return this.#parts.findLast(({ first }) => first <= at) as Part;
  }

  #viewAt(at: number): KeyView {
    const { keys, first } = this.#partOf(at);
    const known = this.#viewById.get(keys.ids[at - first] as string);
    if (known !== undefined) return known;
    const view = compileKey(keys.keyAt(at - first));
    this.#viewById.set(view.id, view);
    return view;
  }
}
