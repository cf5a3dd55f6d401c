/**
 * Challenges of an ACME order that every machine of a fleet can answer: the CA may reach another machine than the one
 * that orders.
 *
 *   ordering machine --writes the proof--> shared files <--reads, when the CA asks for an unknown one-- any machine
 *
 * A client can ask for any token. Reads of the store are therefore shared: one runs at a time, and at most four a second.
 */
import type { Clock } from '../../core/clock.ts';
import { pause } from '../../core/deadline.ts';
import type { SharedFiles } from '../../core/shared-files.ts';
import type { ChallengeProof } from './prover.ts';

/** A challenge of one type; a token is valid for one type only. */
export interface SharedProof extends ChallengeProof {
  readonly type: string;
}

const prefix = 'acme-challenge/';
/** Longer than an order takes. A machine that died cannot remove its proofs. */
const lifetimeMs = 3_600_000;
const readEachMs = 250;

export class SharedProofs {
  readonly #files: SharedFiles;
  readonly #clock: Clock;
  #lastReadMs = Number.NEGATIVE_INFINITY;
  /** Has not begun, so callers that join it get what is stored now. */
  #nextRead: Promise<readonly SharedProof[]> | undefined;

  constructor(files: SharedFiles, clock: Clock) {
    this.#files = files;
    this.#clock = clock;
  }

  /** When it resolves, every machine can answer. Throws a `StoreError`. The returned function never rejects. */
  async show(proof: SharedProof): Promise<() => Promise<void>> {
    const path = `${prefix}${proof.domain}/${proof.token}`;
    await this.#files.write(path, Buffer.from(JSON.stringify(proof)));
    return () => this.#files.remove(path).catch(() => {});
  }

  /** Returns the proofs that any machine shows now; none if the store cannot be reached. Never rejects. */
  find(): Promise<readonly SharedProof[]> {
    this.#nextRead ??= this.#read();
    return this.#nextRead;
  }

  async #read(): Promise<readonly SharedProof[]> {
    try {
      const waitMs = this.#lastReadMs + readEachMs - this.#clock.monotonicMs();
      await pause(this.#clock, Math.max(0, waitMs), new AbortController().signal);
      this.#lastReadMs = this.#clock.monotonicMs();
      this.#nextRead = undefined;
      const files = await this.#files.list(prefix);
      return files.filter(({ ageMs }) => ageMs < lifetimeMs).flatMap(({ bytes }) => proofIn(bytes));
    } catch {
      this.#nextRead = undefined;
      return [];
    }
  }
}

function proofIn(bytes: Buffer): readonly SharedProof[] {
  try {
    // A machine with another version may have written other fields.
    const found = JSON.parse(bytes.toString()) as Partial<SharedProof>;
    const { type, domain, token, authorization } = found;
    if (type === undefined || domain === undefined || token === undefined || authorization === undefined)
      return [];
    return [{ type, domain, token, authorization }];
  } catch {
    return [];
  }
}
