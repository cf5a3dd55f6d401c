/**
 * Keeps the last requests of each key in memory, without content. Memory is bounded: a key has a ring of records, and the
 * key that was used least recently loses its ring first.
 *
 *   newest key <-> ... <-> oldest key      a list that links the rings, so that no request costs a search
 *
 * A record is columns of numbers, the bytes of the id, and texts that records share. Kept objects would live just long
 * enough to reach the old generation of the heap, and collecting them there cost a tenth of the CPU time of a request.
 */
import type { Ending, RequestLine } from '../core/proxy/proxy-handle.ts';

const keptOfKey = 200;
const keptOfAll = 50_000;
/** A new ring has room for so many records, and grows. */
const firstRoom = 10;
/** Texts that records share; more than a proxy has models, paths and clients at a time. */
const maxTexts = 5_000;

export interface RecentRequestsLimits {
  readonly ofKey: number;
  readonly ofAll: number;
}

export class RecentRequests {
  readonly #limits: RecentRequestsLimits;
  readonly #rings = new Map<string, Ring>();
  readonly #texts = new SharedTexts();
  #newest: Ring | undefined;
  #oldest: Ring | undefined;
  #kept = 0;

  constructor(limits: RecentRequestsLimits = { ofKey: keptOfKey, ofAll: keptOfAll }) {
    this.#limits = limits;
  }

  /** Requests without a key are not kept: anyone can send them. */
  note(line: RequestLine): void {
    const { keyId } = line;
    if (keyId === null) return;
    let ring = this.#rings.get(keyId);
    if (ring === undefined) {
      ring = new Ring(keyId, this.#limits.ofKey);
      this.#rings.set(keyId, ring);
      this.#link(ring);
    } else if (ring !== this.#newest) {
      this.#unlink(ring);
      this.#link(ring);
    }
    if (ring.add(line, this.#texts)) this.#kept += 1;
    while (this.#kept > this.#limits.ofAll) this.#dropOldest();
  }

  /** Newest first: up to 200 of a key, or of all keys. */
  list(keyId?: string): readonly RequestLine[] {
    if (keyId !== undefined) return this.#rings.get(keyId)?.lines() ?? [];
    const all = [...this.#rings.values()].flatMap((ring) => ring.lines());
    return all.sort((a, b) => b.atMs - a.atMs).slice(0, this.#limits.ofKey);
  }

  #dropOldest(): void {
    const ring = this.#oldest;
    if (ring === undefined) return;
    this.#unlink(ring);
    this.#rings.delete(ring.keyId);
    this.#kept -= ring.count;
  }

  #link(ring: Ring): void {
    ring.older = this.#newest;
    ring.newer = undefined;
    if (this.#newest !== undefined) this.#newest.newer = ring;
    this.#newest = ring;
    this.#oldest ??= ring;
  }

  #unlink(ring: Ring): void {
    const { newer, older } = ring;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
  }
}

const numberCount = 15;
const textCount = 10;
/** An id of the gateway is shorter. */
const idBytes = 32;

/** The last requests of one key. */
class Ring {
  readonly keyId: string;
  newer: Ring | undefined;
  older: Ring | undefined;
  count = 0;
  readonly #limit: number;
  /** The place of the next record. */
  #next = 0;
  #numbers = new Float64Array(firstRoom * numberCount);
  #ids = Buffer.alloc(firstRoom * idBytes);
  readonly #texts: (string | null)[] = [];

  constructor(keyId: string, limit: number) {
    this.keyId = keyId;
    this.#limit = limit;
  }

  /** Returns false if it replaces a record. */
  add(line: RequestLine, shared: SharedTexts): boolean {
    const isNew = this.count < this.#limit;
    if (isNew) {
      this.count += 1;
      if (this.count * idBytes > this.#ids.length) this.#grow();
    }
    const place = this.#next;
    this.#next = place + 1 === this.#limit ? 0 : place + 1;

    const numbers = this.#numbers;
    let at = place * numberCount;
    numbers[at++] = line.atMs;
    numbers[at++] = line.status;
    numbers[at++] = line.bytesIn;
    numbers[at++] = line.bytesOut;
    numbers[at++] = line.firstByteMs ?? Number.NaN;
    numbers[at++] = line.queuedMs ?? Number.NaN;
    numbers[at++] = line.durationMs;
    numbers[at++] = line.inputTokens ?? Number.NaN;
    numbers[at++] = line.outputTokens ?? Number.NaN;
    numbers[at++] = line.cachedTokens ?? Number.NaN;
    numbers[at++] = line.promptTokens ?? Number.NaN;
    numbers[at++] = line.chargedInputTokens;
    numbers[at++] = line.chargedOutputTokens;
    numbers[at++] = (line.tokensEstimated ? 1 : 0) + (line.streamed ? 2 : 0);
    numbers[at] = this.#ids.write(line.id, place * idBytes, idBytes, 'latin1');

    const texts = this.#texts;
    const first = place * textCount;
    // A client usually repeats the texts of its last request.
    const before = (place === 0 ? this.count - 1 : place - 1) * textCount;
    texts[first] = shared.like(line.client, texts[before]);
    texts[first + 1] = line.method;
    texts[first + 2] = shared.like(line.path, texts[before + 2]);
    texts[first + 3] = line.keyLabel;
    texts[first + 4] = line.engine;
    texts[first + 5] = line.model === null ? null : shared.like(line.model, texts[before + 5]);
    texts[first + 6] = line.ending;
    texts[first + 7] = line.code;
    texts[first + 8] = line.rule;
    texts[first + 9] = line.droppedCredentials;
    return isNew;
  }

  /** Newest first. */
  lines(): RequestLine[] {
    const lines: RequestLine[] = [];
    for (let i = 1; i <= this.count; i++) lines.push(this.#line((this.#next - i + this.count) % this.count));
    return lines;
  }

  #line(place: number): RequestLine {
    const number = (i: number): number => this.#numbers[place * numberCount + i] as number;
    const numberOrNull = (i: number): number | null => (Number.isNaN(number(i)) ? null : number(i));
    const text = (i: number): string => this.#texts[place * textCount + i] ?? '';
    const textOrNull = (i: number): string | null => this.#texts[place * textCount + i] ?? null;
    return {
      id: this.#ids.toString('latin1', place * idBytes, place * idBytes + number(14)),
      atMs: number(0),
      client: text(0),
      method: text(1),
      path: text(2),
      status: number(1),
      keyId: this.keyId,
      keyLabel: textOrNull(3),
      engine: textOrNull(4),
      model: textOrNull(5),
      bytesIn: number(2),
      bytesOut: number(3),
      firstByteMs: numberOrNull(4),
      queuedMs: numberOrNull(5),
      durationMs: number(6),
      inputTokens: numberOrNull(7),
      outputTokens: numberOrNull(8),
      cachedTokens: numberOrNull(9),
      promptTokens: numberOrNull(10),
      chargedInputTokens: number(11),
      chargedOutputTokens: number(12),
      tokensEstimated: (number(13) & 1) === 1,
      streamed: (number(13) & 2) === 2,
      // `add` wrote an ending here.
      ending: text(6) as Ending,
      code: textOrNull(7),
      rule: textOrNull(8),
      droppedCredentials: textOrNull(9),
    };
  }

  #grow(): void {
    const room = Math.min(this.#limit, 2 * (this.count - 1));
    const numbers = new Float64Array(room * numberCount);
    numbers.set(this.#numbers);
    this.#numbers = numbers;
    const ids = Buffer.alloc(room * idBytes);
    this.#ids.copy(ids);
    this.#ids = ids;
  }
}

/**
 * Copies of texts. A text that was cut from a request head would keep the whole head in memory, with the credential in
 * it.
 */
class SharedTexts {
  readonly #copies = new Map<string, string>();

  like(text: string, before: string | null | undefined): string {
    if (text === before) return before;
    let copy = this.#copies.get(text);
    if (copy !== undefined) return copy;
    copy = Buffer.from(text).toString();
    if (this.#copies.size === maxTexts) this.#copies.clear();
    this.#copies.set(copy, copy);
    return copy;
  }
}
