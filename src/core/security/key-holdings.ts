/**
 * Counts what the running requests of each key hold: streams, memory for bodies, and the concurrency of the key. Keys
 * are counted by family, so both secrets of a rotation count together.
 *
 * The share rule: a key may take more of a shared resource only while it then holds at most four times what is still
 * free. A single key can use four fifths. Each further key finds a fifth of what was left before it. A key always gets
 * one stream, and one body of `maxBodyBytes` if that much is free.
 *
 *   capacity 100:  | A holds 80 ............................... | B 16 ... | C 3 | 1 free
 *
 * When memory is full, the newest unfinished body of the key that holds most is refused. Streams whose body is complete
 * are never ended here.
 */

import assert from 'node:assert';
import { rule } from '../rules.ts';
import type { Denial } from './access.ts';
import type { KeyView } from './api-key.ts';
import type { RequestAhead } from './request-ahead.ts';

/** A key may hold this many times the free amount. */
const shareFactor = 4;

export interface HoldingLimits {
  readonly maxStreams: number;
  readonly maxBufferedBytes: number;
  readonly maxBodyBytes: number;
}

export type ExhaustedCode = 'BODIES_EXHAUSTED' | 'STREAMS_EXHAUSTED';

/** A body that is being read. The two links belong to `KeyHoldings`. */
export interface UnfinishedBody {
  older: UnfinishedBody | undefined;
  newer: UnfinishedBody | undefined;
  /** Refuses its request. The shares of the request are released before this returns. */
  giveUp(code: ExhaustedCode): void;
}

/** What the running requests of one key family hold. Only `KeyHoldings` changes it. */
export class KeyHolding {
  readonly familyId: string;
  streams = 0;
  /** Requests that count against the concurrency of the key. */
  requests = 0;
  /** Bytes of bodies that are being read, and of bodies whose response has not ended. */
  bodyBytes = 0;
  newestBody: UnfinishedBody | undefined;

  constructor(familyId: string) {
    this.familyId = familyId;
  }
}

export type CountedKey = Pick<KeyView, 'id' | 'limits'>;

export function concurrencyDenial(keyId: string, limit: number): Denial {
  return { code: 'CONCURRENCY_LIMITED', params: { limit }, rule: rule('concurrency', { limit, key: keyId }) };
}

/**
 * Counts the requests that each key has in progress, here or on another machine. The rules for promises are those of
 * `RateLimiter`.
 */
export interface ConcurrencyLimiter {
  /** Takes one of the requests that the key may have in progress, or refuses. */
  takeRequest(
    key: CountedKey,
    holding: KeyHolding,
    ahead?: RequestAhead,
  ): Denial | undefined | Promise<Denial | undefined>;
  /** Once for each request that was taken. Nobody waits for it. */
  giveBackRequest(holding: KeyHolding): void;
}

/** A family of keys and how many requests of it are in progress. */
export type HeldRequests = readonly [family: string, count: number];

export class KeyHoldings implements ConcurrencyLimiter {
  readonly #limits: HoldingLimits;
  /** Keys without requests stay until `forgetIdle`, so that a request costs one look-up and no change of the map. */
  readonly #byFamily = new Map<string, KeyHolding>();
  #streams = 0;
  #bodyBytes = 0;

  constructor(limits: HoldingLimits) {
    this.#limits = limits;
  }

  get streams(): number {
    return this.#streams;
  }
  get bodyBytes(): number {
    return this.#bodyBytes;
  }
  /** The number of keys in memory. */
  get size(): number {
    return this.#byFamily.size;
  }

  of(familyId: string): KeyHolding {
    let holding = this.#byFamily.get(familyId);
    if (holding === undefined) {
      holding = new KeyHolding(familyId);
      this.#byFamily.set(familyId, holding);
    }
    return holding;
  }

  /** Drops keys without running requests. Call it about once a second. */
  forgetIdle(): void {
    for (const [familyId, holding] of this.#byFamily)
      if (holding.streams === 0 && holding.bodyBytes === 0 && holding.requests === 0)
        this.#byFamily.delete(familyId);
  }

  // --- streams

  /** Takes one stream for a request, from the end of its head to the end of its response. */
  takeStream(holding: KeyHolding): Denial | undefined {
    const freeAfter = this.#limits.maxStreams - this.#streams - 1;
    const after = holding.streams + 1;
    if (after > 1 && after > shareFactor * freeAfter) {
      const share = { held: holding.streams, free: freeAfter + 1 };
      return { code: 'STREAMS_EXHAUSTED', params: {}, rule: rule('stream-share', share) };
    }
    if (freeAfter < 0 && !this.#giveUpForStream())
      return { code: 'STREAMS_EXHAUSTED', params: {}, rule: rule('max-streams') };
    holding.streams += 1;
    this.#streams += 1;
    return undefined;
  }

  giveBackStream(holding: KeyHolding): void {
    holding.streams -= 1;
    this.#streams -= 1;
    assert(holding.streams >= 0, 'a stream is given back once');
  }

  /** Counts one request against the concurrency of its key. */
  takeRequest(key: CountedKey, holding: KeyHolding): Denial | undefined {
    const { concurrency } = key.limits;
    if (concurrency !== null && holding.requests >= concurrency)
      return concurrencyDenial(key.id, concurrency);
    holding.requests += 1;
    return undefined;
  }

  /** Counts requests that run in another process, whatever the limit of their key. */
  holdRequests(familyId: string, count: number): void {
    this.of(familyId).requests += count;
  }

  /** Requests in progress by family of keys. */
  exportState(): readonly HeldRequests[] {
    return [...this.#byFamily]
      .filter(([, { requests }]) => requests > 0)
      .map(([family, { requests }]) => [family, requests]);
  }

  giveBackRequest(holding: KeyHolding): void {
    holding.requests -= 1;
    assert(holding.requests >= 0, 'a request is given back once');
  }

  // --- bodies

  beginBody(holding: KeyHolding, body: UnfinishedBody): void {
    const older = holding.newestBody;
    body.older = older;
    if (older !== undefined) older.newer = body;
    holding.newestBody = body;
  }

  /** The body is complete, or reading stopped. Its bytes count until they are released. */
  endBody(holding: KeyHolding, body: UnfinishedBody): void {
    const { older, newer } = body;
    if (older !== undefined) older.newer = newer;
    if (newer !== undefined) newer.older = older;
    else holding.newestBody = older;
    body.older = undefined;
    body.newer = undefined;
  }

  /** Takes memory for a part of a body. May refuse other bodies; returns false if this body must be refused. */
  takeBytes(holding: KeyHolding, body: UnfinishedBody, bytes: number): boolean {
    while (!this.#mayHold(holding, bytes)) {
      const owner = this.#ownerToGiveUp(holding, bytes);
      const loser = owner.newestBody;
      if (loser === undefined || loser === body) return false;
      loser.giveUp('BODIES_EXHAUSTED');
      assert(owner.newestBody !== loser, 'a refused body is not read any further');
    }
    holding.bodyBytes += bytes;
    this.#bodyBytes += bytes;
    return true;
  }

  giveBackBytes(holding: KeyHolding, bytes: number): void {
    holding.bodyBytes -= bytes;
    this.#bodyBytes -= bytes;
    assert(holding.bodyBytes >= 0, 'memory is given back once');
  }

  #mayHold(holding: KeyHolding, bytes: number): boolean {
    const { maxBodyBytes, maxBufferedBytes } = this.#limits;
    const free = maxBufferedBytes - this.#bodyBytes;
    const after = holding.bodyBytes + bytes;
    return (
      after <= shareFactor * (free - bytes) ||
      // One whole body is always allowed if there is room for all of it.
      (after <= maxBodyBytes && maxBodyBytes <= holding.bodyBytes + free)
    );
  }

  /**
   * Chooses the key whose newest unfinished body is refused to free memory for this key. A key with more than one body
   * exceeds its share, so it loses its own. Otherwise memory is full, and the key that holds most loses one. Looks at
   * all keys, but only if a body must be refused.
   */
  #ownerToGiveUp(asking: KeyHolding, bytes: number): KeyHolding {
    let most = asking;
    let mostBytes = asking.bodyBytes + bytes;
    if (mostBytes > this.#limits.maxBodyBytes) return asking;
    for (const holding of this.#byFamily.values()) {
      if (holding === asking || holding.newestBody === undefined || holding.bodyBytes <= mostBytes) continue;
      most = holding;
      mostBytes = holding.bodyBytes;
    }
    return most;
  }

  /** Makes room for a key without a stream: refuses the newest unfinished body of the key with most streams. */
  #giveUpForStream(): boolean {
    let most: KeyHolding | undefined;
    for (const holding of this.#byFamily.values())
      if (holding.newestBody !== undefined && holding.streams > (most?.streams ?? 1)) most = holding;
    most?.newestBody?.giveUp('STREAMS_EXHAUSTED');
    return this.#streams < this.#limits.maxStreams;
  }
}
