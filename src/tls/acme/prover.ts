/**
 * One challenge type that proves control of a domain (RFC 8555, section 8): makes a challenge response visible to the
 * CA and removes it.
 */
import { createHash } from 'node:crypto';
import type { AcmeChallenge } from '../../core/proxy/acme-config.ts';

export interface ChallengeProof {
  /** A name without the `*.` of a wildcard, or an address. */
  readonly domain: string;
  readonly token: string;
  /** RFC 8555, section 8.1. */
  readonly authorization: string;
}

export interface Prover {
  readonly type: AcmeChallenge;
  /** Prepares the prover before an order. Absent: no preparation is needed. Throws an `AcmeFailure`. */
  open?(): Promise<void>;
  /** The requirement for the CA to reach this machine, as the end of "Check that ...". */
  requirement(domain: string): string;
  /**
   * Publishes the challenge response. When the promise resolves, the CA can see it. The returned function removes it
   * and never rejects. Throws an `AcmeFailure`.
   */
  show(proof: ChallengeProof, signal: AbortSignal): Promise<() => Promise<void>>;
}

export function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
