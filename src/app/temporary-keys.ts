/**
 * Short-lived keys that exist only in the memory of this process. `flm chat` uses one to talk to the proxy; no file ever
 * contains the key.
 */
import type { Clock } from '../core/clock.ts';
import type { TemporaryKey } from '../core/proxy/ports.ts';
import { type KeyView, unrestricted } from '../core/security/api-key.ts';
import { freshSecret, type SecretTools } from '../core/security/key-secret.ts';
import { compileKey } from '../core/security/key-view.ts';

export class TemporaryKeyRing {
  readonly #byDigest = new Map<string, KeyView>();
  readonly #secrets: SecretTools;
  readonly #clock: Pick<Clock, 'nowMs'>;

  constructor(secrets: SecretTools, clock: Pick<Clock, 'nowMs'>) {
    this.#secrets = secrets;
    this.#clock = clock;
  }

  find(digest: string): KeyView | undefined {
    return this.#byDigest.get(digest);
  }

  /** Returns true for the id of a temporary key. Expired keys stay known until the next key is created. */
  has(id: string): boolean {
    for (const view of this.#byDigest.values()) if (view.id === id) return true;
    return false;
  }

  /** Creates a key that allows inference only. */
  make(ttlMs: number): TemporaryKey {
    const nowMs = this.#clock.nowMs();
    for (const [digest, view] of this.#byDigest) if (view.expiresAtMs <= nowMs) this.#byDigest.delete(digest);
    const { id, key, digest, prefix } = freshSecret(this.#secrets);
    const expiresAtMs = nowMs + ttlMs;
    const view = compileKey({
      id,
      familyId: id,
      label: 'temporary',
      digest,
      prefix,
      ...unrestricted,
      createdAtMs: nowMs,
      expiresAtMs,
    });
    this.#byDigest.set(digest, view);
    return { id, key, expiresAtMs };
  }
}
