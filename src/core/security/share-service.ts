/**
 * Creates, lists and revokes shares. Each change is recorded in the audit, in the same transaction and without the
 * token. A proxy redeems a share; see `ShareRepository.redeemShare`.
 */
import type { Clock } from '../clock.ts';
import { similarNames } from '../engine/name-suggestions.ts';
import { PolicyError } from '../errors.ts';
import { type KeyRequestInput, parseKeyRequest } from './key-request.ts';
import type { SecretTools } from './key-secret.ts';
import type { AuditEntry } from './ports.ts';
import { freshShare, type Share, type ShareRepository, shareState } from './share.ts';

export interface ShareServiceDeps {
  readonly repository: ShareRepository;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly secrets: SecretTools;
  /** The actor for the audit: `cli:USER`. */
  readonly actor: string;
}

/** A new share. This is the only place that holds its token. */
export interface CreatedShare {
  readonly share: Share;
  readonly token: string;
}

/** How long a link works if nothing else is said, and at most. */
export const defaultShareMs = 24 * 3_600_000;
export const maxShareMs = 30 * 24 * 3_600_000;

export class ShareService {
  readonly #deps: ShareServiceDeps;

  constructor(deps: ShareServiceDeps) {
    this.#deps = deps;
  }

  /** Throws a `PolicyError` KEY_INVALID with every fault; then no share was created. */
  async create(input: KeyRequestInput, validMs: number = defaultShareMs): Promise<CreatedShare> {
    const { repository, clock, secrets, actor } = this.#deps;
    const nowMs = clock.nowMs();
    const request = parseKeyRequest(input, nowMs);
    if (!Number.isSafeInteger(validMs) || validMs <= 0 || validMs > maxShareMs) {
      const faults = [{ field: 'for', value: `${validMs / 1000} seconds`, allowed: '1 second to 30 days' }];
      throw new PolicyError('KEY_INVALID', { faults });
    }
    const { id, token, digest } = freshShare(secrets);
    const share: Share = {
      id,
      request,
      digest,
      createdAtMs: nowMs,
      createdBy: actor,
      // A key that has already expired is of no use.
      expiresAtMs: Math.min(nowMs + validMs, request.expiresAtMs ?? Number.POSITIVE_INFINITY),
      revokedAtMs: null,
      redemption: null,
    };
    const { digest: _, ...told } = share;
    await repository.insertShare(share, this.#entry('share.create', id, nowMs, told));
    return { share, token };
  }

  /** Oldest first. */
  list(): Promise<readonly Share[]> {
    return this.#deps.repository.listShares();
  }

  /** Undefined if there is none with that id. */
  async find(id: string): Promise<Share | undefined> {
    return (await this.list()).find((share) => share.id === id);
  }

  state(share: Share): ReturnType<typeof shareState> {
    return shareState(share, this.#deps.clock.nowMs());
  }

  /**
   * Revokes a share by its id, or by the label of its future key. Revoking an expired or revoked share changes nothing.
   * Throws a `PolicyError` SHARE_NOT_FOUND, or SHARE_HAS_KEY if its key exists already.
   */
  async revoke(name: string): Promise<Share> {
    const { repository, clock } = this.#deps;
    const found = await this.show(name);
    const nowMs = clock.nowMs();
    const revokedAtMs = nowMs;
    await repository.revokeShare(found.id, this.#entry('share.revoke', found.id, nowMs, { revokedAtMs }));
    // A proxy may have redeemed it since it was read.
    const after = (await this.find(found.id)) ?? found;
    if (after.redemption !== null) {
      const { keyId } = after.redemption;
      throw new PolicyError('SHARE_HAS_KEY', { params: { share: found.id, key: keyId } });
    }
    return after;
  }

  /** Finds a share by its id, or by the label of its future key: the open one, otherwise the newest. Throws SHARE_NOT_FOUND. */
  async show(name: string): Promise<Share> {
    const shares = await this.list();
    const labelled = shares.filter((share) => share.request.label === name);
    const found =
      shares.find((share) => share.id === name) ??
      labelled.findLast((share) => this.state(share) === 'open') ??
      labelled.at(-1);
    if (found === undefined) {
      const near = similarNames(name, [...new Set(shares.map((share) => share.request.label))].sort());
      throw new PolicyError('SHARE_NOT_FOUND', { params: { share: name, near } });
    }
    return found;
  }

  #entry(action: string, subject: string, atMs: number, after: object): AuditEntry {
    return { atMs, actor: this.#deps.actor, action, subject, after: JSON.stringify(after) };
  }
}
