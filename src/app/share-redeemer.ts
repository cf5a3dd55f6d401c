/**
 * Redeems shares in a running proxy, through the thread of its store. Guesses cost little: the checksum of a token is
 * tested first, and only a few redemptions run at a time.
 */
import type { Clock } from '../core/clock.ts';
import { FlmError } from '../core/errors.ts';
import { freshSecret, type SecretTools } from '../core/security/key-secret.ts';
import { looksLikeToken, type ShareRedeemer } from '../core/security/share.ts';
import type { ProxyStore } from '../store/store.ts';

export interface ShareRedeemerOptions {
  readonly store: Pick<ProxyStore, 'redeemShare'>;
  readonly secrets: SecretTools;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly proxyId: string;
  readonly localAuthority: boolean;
  /** The store could not make the key. */
  readonly onProblem: (problem: string) => void;
}

const maxRunning = 4;

export function makeShareRedeemer(options: ShareRedeemerOptions): ShareRedeemer {
  const { store, secrets, clock, proxyId, localAuthority, onProblem } = options;
  let running = 0;
  return {
    async redeem(token, address) {
      if (!looksLikeToken(token, secrets)) return { outcome: 'unknown' };
      if (running >= maxRunning) return { outcome: 'unavailable' };
      running += 1;
      try {
        const { key, ...fresh } = freshSecret(secrets);
        const digest = secrets.sha256Hex(token);
        const result = await store.redeemShare({ digest, fresh, atMs: clock.nowMs(), address, proxyId });
        return result.outcome === 'made' ? { ...result, key, localAuthority } : result;
      } catch (error) {
        if (!(error instanceof FlmError)) throw error;
        onProblem(`${error.message} ${error.hint}`);
        return { outcome: 'unavailable' };
      } finally {
        running -= 1;
      }
    },
  };
}
