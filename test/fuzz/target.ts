/** What a fuzz target is, and small tools for targets. */

/** One part of flm that reads foreign bytes, with an oracle. */
export interface FuzzTarget {
  readonly name: string;
  /** What is compared with what: one line for people. */
  readonly about: string;
  /** Sources whose coverage guides the search, as paths below the repository. */
  readonly sources: readonly string[];
  /** Short texts that parsers treat in a special way, in Latin-1. */
  readonly tokens: readonly string[];
  /** Inputs to begin with, in Latin-1, beside the stored corpus. */
  readonly seeds: readonly string[];
  /** The length in bytes that no input exceeds. */
  readonly maxLength?: number;
  /** Prepares what `check` needs; the returned function ends it. */
  readonly open?: () => Promise<() => Promise<void>>;
  /** Throws if flm reads the input in another way than the reference does. */
  readonly check: (input: Buffer) => void | Promise<void>;
}

/** Deterministic numbers from the bytes of an input, so that an input alone repeats a finding (FNV-1a, then mulberry32). */
export function numbersOf(input: Buffer): (below: number) => number {
  let state = 0x811c9dc5;
  for (const byte of input) state = Math.imul(state ^ byte, 0x01000193);
  return (below) => Math.floor(nextRandom() * below);
  function nextRandom(): number {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }
}

/** The input in up to `most` pieces, cut at places that follow from its bytes. The pieces are copies. */
export function piecesOf(input: Buffer, most = 5): Buffer[] {
  const random = numbersOf(input);
  const cuts = Array.from({ length: random(most) }, () => random(input.length + 1)).sort((a, b) => a - b);
  return [0, ...cuts].map((from, i) => Buffer.from(input.subarray(from, cuts[i] ?? input.length)));
}
