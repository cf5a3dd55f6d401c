/**
 * A coverage-guided search for one target: inputs that run new code join the corpus, and new inputs are mutations of those
 * in the corpus. Ends at the first finding.
 */
import type { BlockCoverage } from './block-coverage.ts';
import { Mutator } from './mutator.ts';
import type { FuzzTarget } from './target.ts';

/** So many inputs run before their coverage is looked at. */
const batchSize = 128;
const defaultMaxLength = 2_048;
const minimizeMs = 5_000;

export interface Finding {
  readonly input: Buffer;
  readonly error: unknown;
}

export interface FuzzResult {
  readonly runs: number;
  readonly corpus: readonly Buffer[];
  /** Characters of the sources that ran. */
  readonly coverage: number;
  readonly finding: Finding | undefined;
}

export interface FuzzOptions {
  readonly target: FuzzTarget;
  readonly coverage: BlockCoverage;
  readonly stored: readonly Buffer[];
  readonly seed: number;
  readonly milliseconds: number;
  /** Called before each input, so that an input that never ends can be named. */
  readonly onInput?: (input: Buffer) => void;
  readonly onProgress?: (runs: number, corpus: number) => void;
}

export async function fuzz(options: FuzzOptions): Promise<FuzzResult> {
  const { target, coverage, stored, seed, milliseconds, onInput, onProgress } = options;
  const mutator = new Mutator(target.tokens, target.maxLength ?? defaultMaxLength, seed);
  const corpus: Buffer[] = [];
  let runs = 0;
  const attempt = async (input: Buffer): Promise<Finding | undefined> => {
    runs += 1;
    onInput?.(input);
    try {
      const pending = target.check(input);
      if (pending !== undefined) await pending;
      return undefined;
    } catch (error) {
      return { input, error };
    }
  };
  const end = async (finding: Finding | undefined): Promise<FuzzResult> => ({
    runs,
    corpus,
    coverage: coverage.total,
    finding: finding === undefined ? undefined : await minimize(finding, attempt),
  });

  // Short inputs first, so that a longer one joins only for what it adds.
  const first = [...stored, ...target.seeds.map((text) => Buffer.from(text, 'latin1')), Buffer.alloc(0)];
  for (const input of first.sort((a, b) => a.length - b.length)) {
    const finding = await attempt(input);
    if (finding !== undefined) return end(finding);
    if (coverage.take(true) > 0) corpus.push(input);
  }
  if (corpus.length === 0) corpus.push(Buffer.alloc(0));

  const stopAt = performance.now() + milliseconds;
  while (performance.now() < stopAt) {
    const batch = Array.from({ length: batchSize }, () => mutator.next(corpus));
    for (const input of batch) {
      const finding = await attempt(input);
      if (finding !== undefined) return end(finding);
    }
    onProgress?.(runs, corpus.length);
    if (coverage.take(false) === 0) continue;
    for (const input of batch) {
      const finding = await attempt(input);
      if (finding !== undefined) return end(finding);
      if (coverage.take(true) > 0) corpus.push(input);
    }
  }
  return end(undefined);
}

/** Removes what the finding does not need, for a few seconds. The error stays of the same kind. */
async function minimize(
  finding: Finding,
  attempt: (input: Buffer) => Promise<Finding | undefined>,
): Promise<Finding> {
  const kind = kindOf(finding.error);
  const stopAt = performance.now() + minimizeMs;
  let best = finding;
  for (let size = best.input.length >> 1; size >= 1; size >>= 1) {
    for (let at = 0; at < best.input.length && performance.now() < stopAt; ) {
      const shorter = Buffer.concat([best.input.subarray(0, at), best.input.subarray(at + size)]);
      const next = await attempt(shorter);
      if (next !== undefined && kindOf(next.error) === kind) best = next;
      else at += size;
    }
  }
  return best;
}

function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // The line in which the error arose: messages hold values of the input.
  return `${error.name} ${error.stack?.split('\n').find((line) => line.includes('file://')) ?? ''}`;
}
