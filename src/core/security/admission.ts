/**
 * When a request that may run does run, and on which engine. A lease is released exactly once; the engine's count of
 * requests in flight is kept here and nowhere else.
 */
import assert from 'node:assert';
import type { Candidate, EngineDirectory } from '../engine/directory.ts';
import type { AttemptEnd } from '../engine/engine.ts';

export interface Lease {
  readonly candidate: Candidate;
  /** Exactly once. */
  release(end: AttemptEnd): void;
}

export interface Admission {
  /** Picks the best of the candidates, which come best first; a promise where the request has to wait. */
  enter(candidates: readonly Candidate[]): Lease | Promise<Lease>;
}

/** Admits at once: engines queue by themselves. */
export class DirectAdmission implements Admission {
  readonly #directory: EngineDirectory;

  constructor(directory: EngineDirectory) {
    this.#directory = directory;
  }

  enter(candidates: readonly Candidate[]): Lease {
    const candidate = candidates[0];
    assert(candidate !== undefined, 'admission needs a candidate');
    return new DirectLease(this.#directory, candidate);
  }
}

class DirectLease implements Lease {
  readonly candidate: Candidate;
  readonly #directory: EngineDirectory;
  #released = false;

  constructor(directory: EngineDirectory, candidate: Candidate) {
    this.#directory = directory;
    this.candidate = candidate;
    directory.begin(candidate.engine.ref);
  }

  release(end: AttemptEnd): void {
    assert(!this.#released, 'a lease is released exactly once');
    this.#released = true;
    this.#directory.report(this.candidate.engine.ref, end);
  }
}
