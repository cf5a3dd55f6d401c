/** The answer of a token budget to a request that wants to generate. */
import type { AdmissionDenial } from './admission.ts';

/** The limit facts that a response may show; undefined if the key has no limit of tokens a minute. */
export interface TokenReading {
  readonly limit: number;
  /** Never below zero. */
  readonly remaining: number;
  /** The time until the balance is full again. */
  readonly resetMs: number;
}

/** The answer to a request that wants to generate: what to tell its client, and the denial where it may not go on. */
export interface TokenCheck {
  readonly reading: TokenReading | undefined;
  readonly denial: AdmissionDenial | undefined;
  /** This node decided by itself, because the limiter of its fleet is away. */
  readonly alone?: true;
}
