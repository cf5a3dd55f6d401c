/**
 * A share: an invitation that becomes a key when the person who has its link redeems it, once. Until then only the
 * settings of the future key and a digest of the token are stored.
 *
 * A token has 22 base62 characters (130 random bits) and 6 of checksum, so most guesses need no database. It stands in
 * the fragment of the link, which browsers never send.
 */
import type { KeyRequest } from './key-request.ts';
import { base62, checksum, type FreshSecret, type SecretTools } from './key-secret.ts';
import type { AuditEntry } from './ports.ts';

export const shareStates = ['open', 'redeemed', 'expired', 'revoked'] as const;
export type ShareState = (typeof shareStates)[number];

export interface Share {
  /** `sh_` + 12 base62 characters; not secret. */
  readonly id: string;
  /** The settings of the future key, its label included. */
  readonly request: KeyRequest;
  /** SHA-256 of the token, lower-case hex. */
  readonly digest: string;
  readonly createdAtMs: number;
  /** The actor who made it: `cli:USER`. */
  readonly createdBy: string;
  readonly expiresAtMs: number;
  readonly revokedAtMs: number | null;
  readonly redemption: Redemption | null;
}

export interface Redemption {
  readonly atMs: number;
  /** The address from which it was redeemed. */
  readonly address: string;
  /** The key that was made. */
  readonly keyId: string;
}

export function shareState(
  share: Pick<Share, 'expiresAtMs' | 'revokedAtMs' | 'redemption'>,
  nowMs: number,
): ShareState {
  if (share.redemption !== null) return 'redeemed';
  if (share.revokedAtMs !== null) return 'revoked';
  return share.expiresAtMs <= nowMs ? 'expired' : 'open';
}

/** What a redemption needs: the digest of the token, and the secret of the key without the secret itself. */
export interface RedemptionOrder {
  readonly digest: string;
  readonly fresh: Omit<FreshSecret, 'key'>;
  readonly atMs: number;
  readonly address: string;
  /** The proxy that received the token; for the audit. */
  readonly proxyId: string;
}

export type RedemptionResult =
  | {
      readonly outcome: 'made';
      readonly shareId: string;
      readonly keyId: string;
      readonly label: string;
      readonly expiresAtMs: number | null;
    }
  | { readonly outcome: 'unknown' | Exclude<ShareState, 'open'> };

/** What a client gets for its token; the secret of the key is here and nowhere else. */
export type RedeemedShare =
  | (Extract<RedemptionResult, { readonly outcome: 'made' }> & {
      readonly key: string;
      /** The certificate of this proxy is of the local CA. */
      readonly localAuthority: boolean;
    })
  | { readonly outcome: Exclude<RedemptionResult['outcome'], 'made'> | 'unavailable' };

/** Redeems tokens in a running proxy. */
export interface ShareRedeemer {
  /** A store that cannot make the key now is `unavailable`. */
  redeem(token: string, address: string): Promise<RedeemedShare>;
}

export interface ShareRepository {
  /** Throws KEY_INVALID if an active key or an open share has the label. Deletes shares that ended long ago. */
  insertShare(share: Share, audit: AuditEntry): Promise<void>;
  /** Oldest first. */
  listShares(): Promise<readonly Share[]>;
  /** Does nothing and returns false if the share is not open at the time of `audit`. */
  revokeShare(id: string, audit: AuditEntry): Promise<boolean>;
  /** Makes the key, once for each share, even if several programs ask at the same moment. */
  redeemShare(order: RedemptionOrder): Promise<RedemptionResult>;
}

const tokenLength = 22;
const tokenForm = /^([0-9A-Za-z]{22})([0-9A-Za-z]{6})$/;

export interface FreshShare {
  readonly id: string;
  /** Shown once, never stored. */
  readonly token: string;
  readonly digest: string;
}

export function freshShare(tools: SecretTools): FreshShare {
  const secret = base62(tools.randomBytes(17), tokenLength);
  const token = `${secret}${checksum(secret, tools)}`;
  return { id: `sh_${base62(tools.randomBytes(9), 12)}`, token, digest: tools.sha256Hex(token) };
}

/** Whether a text has the form and checksum of a token; needs no database. */
export function looksLikeToken(text: string, tools: Pick<SecretTools, 'crc32'>): boolean {
  const match = tokenForm.exec(text);
  return match !== null && checksum(match[1] as string, tools) === match[2];
}
