/**
 * One way to prove control of a domain (RFC 8555, section 8): makes a challenge response visible to the CA and removes
 * it.
 */
import { createHash } from 'node:crypto';
import type { AcmeChallenge } from '../../core/proxy/acme-config.ts';

export interface ChallengeProof {
  /** Without the `*.` of a wildcard. */
  readonly domain: string;
  readonly token: string;
  /** RFC 8555, section 8.1. */
  readonly authorization: string;
}

export interface Prover {
  readonly type: AcmeChallenge;
  /** Makes what it needs; nothing was ordered by then. Absent: it needs nothing. Throws an `AcmeFailure`. */
  open?(): Promise<void>;
  /** What the CA needs to reach this machine, in words that complete "Check that ...". */
  requirement(domain: string): string;
  /**
   * The CA can see the proof when it resolves; the function that it gives takes it away and never rejects. Throws an
   * `AcmeFailure`.
   */
  show(proof: ChallengeProof, signal: AbortSignal): Promise<() => Promise<void>>;
}

export function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
