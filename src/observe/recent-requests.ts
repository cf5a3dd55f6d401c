/**
 * Keeps the last requests of each key in memory, without content. Memory is bounded: a key has a ring of lines, and the
 * key that was used least recently loses its ring first.
 *
 *   newest key <-> ... <-> oldest key      a list that links the rings, so that no request costs a search
 */
import type { RequestLine } from '../core/proxy/proxy-handle.ts';

const keptOfKey = 200;
const keptOfAll = 10_000;

interface Ring {
  readonly keyId: string;
  readonly lines: RequestLine[];
  /** The place of the oldest line, once the ring is full. */
  next: number;
  newer: Ring | undefined;
  older: Ring | undefined;
}

export interface RecentRequestsLimits {
  readonly ofKey: number;
  readonly ofAll: number;
}

export class RecentRequests {
  readonly #limits: RecentRequestsLimits;
  readonly #rings = new Map<string, Ring>();
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
      ring = { keyId, lines: [], next: 0, newer: undefined, older: undefined };
      this.#rings.set(keyId, ring);
      this.#link(ring);
    } else if (ring !== this.#newest) {
      this.#unlink(ring);
      this.#link(ring);
    }
    this.#add(ring, line);
    while (this.#kept > this.#limits.ofAll) this.#dropOldest();
  }

  /** Newest first: up to 200 of a key, or of all keys. */
  list(keyId?: string): readonly RequestLine[] {
    if (keyId !== undefined) return newestFirst(this.#rings.get(keyId));
    const all = [...this.#rings.values()].flatMap(newestFirst);
    return all.sort((a, b) => b.atMs - a.atMs).slice(0, this.#limits.ofKey);
  }

  #add(ring: Ring, line: RequestLine): void {
    const { lines } = ring;
    const before = lines[(ring.next + lines.length - 1) % Math.max(1, lines.length)];
    const kept = ownTexts(line, before);
    if (lines.length < this.#limits.ofKey) {
      lines.push(kept);
      this.#kept += 1;
      return;
    }
    lines[ring.next] = kept;
    ring.next = (ring.next + 1) % lines.length;
  }

  #dropOldest(): void {
    const ring = this.#oldest;
    if (ring === undefined) return;
    this.#unlink(ring);
    this.#rings.delete(ring.keyId);
    this.#kept -= ring.lines.length;
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

function newestFirst(ring: Ring | undefined): RequestLine[] {
  if (ring === undefined) return [];
  return [...ring.lines.slice(ring.next), ...ring.lines.slice(0, ring.next)].reverse();
}

/**
 * A text that was cut from a request head would keep the whole head in memory, with the credential in it. A client
 * usually repeats the texts of its last request, and then the earlier copies serve again.
 */
function ownTexts(line: RequestLine, before: RequestLine | undefined): RequestLine {
  const own = (text: string, earlier: string | null | undefined): string =>
    text === earlier ? earlier : copyOf(text);
  return {
    ...line,
    path: own(line.path, before?.path),
    client: own(line.client, before?.client),
    model: line.model === null ? null : own(line.model, before?.model),
  };
}

function copyOf(text: string): string {
  return Buffer.from(text).toString();
}
