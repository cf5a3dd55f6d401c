/**
 * Short-lived keys that exist only in the memory of this process. `flm chat` uses one to talk to the proxy; no file ever
 * contains the key.
 */
import type { Clock } from '../core/clock.ts';
import type { TemporaryKey } from '../core/proxy/ports.ts';
import { type KeyView, unrestricted } from '../core/security/api-key.ts';
import { freshSecret, type SecretTools } from '../core/security/key-secret.ts';
import { compileKey } from '../core/security/key-view.ts';

/** A temporary key without its secret. */
export interface TemporaryKeyState {
  readonly id: string;
  readonly digest: string;
  readonly expiresAtMs: number;
}

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

  exportState(): readonly TemporaryKeyState[] {
    return [...this.#byDigest.values()].map(({ id, digest, expiresAtMs }) => ({ id, digest, expiresAtMs }));
  }

  /** Adds the keys of another process. */
  importState(keys: readonly TemporaryKeyState[]): void {
    for (const key of keys) if (key.expiresAtMs > this.#clock.nowMs()) this.#add(key);
  }

  /** Creates a key that allows inference only. */
  make(ttlMs: number): TemporaryKey {
    const nowMs = this.#clock.nowMs();
    for (const [digest, view] of this.#byDigest) if (view.expiresAtMs <= nowMs) this.#byDigest.delete(digest);
    const { id, key, digest } = freshSecret(this.#secrets);
    const expiresAtMs = nowMs + ttlMs;
    this.#add({ id, digest, expiresAtMs });
    return { id, key, expiresAtMs };
  }

  #add({ id, digest, expiresAtMs }: TemporaryKeyState): void {
    const view = compileKey({
      id,
      familyId: id,
      label: 'flm chat',
      digest,
      ...unrestricted,
      expiresAtMs,
    });
    this.#byDigest.set(digest, view);
  }
}
