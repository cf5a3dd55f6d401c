/**
 * Counts unknown tokens that are sent beside an flm key. A client may send one (SDKs of other providers do), but a valid
 * key must not become a way to guess others: ten different tokens beside one key are allowed within a minute.
 *
 * Memory is bounded: ten digests for each key, and a thousand keys. Beyond that the key unused for longest is forgotten.
 */

const maxTokens = 10;
const maxKeys = 1_000;
const windowMs = 60_000;

export class ForeignTokens {
  /** For each key, when each token was last seen, by digest. Ordered by last use of the key. */
  readonly #byKey = new Map<string, Map<string, number>>();

  /** Counts one token. Returns true if there are too many; such a token is not stored. */
  tooMany(familyId: string, digest: string, nowMs: number): boolean {
    const tokens = this.#touch(familyId);
    if (tokens.has(digest)) {
      tokens.set(digest, nowMs);
      return false;
    }
    for (const [old, seenMs] of tokens) if (nowMs - seenMs >= windowMs) tokens.delete(old);
    if (tokens.size >= maxTokens) return true;
    tokens.set(digest, nowMs);
    return false;
  }

  #touch(familyId: string): Map<string, number> {
    const tokens = this.#byKey.get(familyId) ?? new Map<string, number>();
    this.#byKey.delete(familyId);
    this.#byKey.set(familyId, tokens);
    if (this.#byKey.size > maxKeys) {
      const [quietest] = this.#byKey.keys();
      if (quietest !== undefined) this.#byKey.delete(quietest);
    }
    return tokens;
  }

  /** The number of keys in memory. */
  get size(): number {
    return this.#byKey.size;
  }
}
