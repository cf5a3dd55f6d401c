/** The thread in which one target is fuzzed. The main thread sees each input before it runs. */
import { join } from 'node:path';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { root } from '../../scripts/setup.mjs';
import { BlockCoverage } from './block-coverage.ts';
import { readCorpus } from './corpus.ts';
import { fuzz } from './fuzzer.ts';
import { targets } from './targets.ts';

/** Layout of the shared memory: two 32-bit numbers, then the input. */
export const slots = { runs: 0, length: 1, bytes: 8 } as const;
export const inputBytes = 64 * 1024;

export interface ThreadOptions {
  readonly name: string;
  readonly shared: SharedArrayBuffer;
  readonly seed: number;
  readonly milliseconds: number;
}

export interface FuzzReport {
  readonly runs: number;
  readonly corpus: readonly Uint8Array[];
  readonly coverage: number;
  readonly error: string | undefined;
  /** The input with the error, made as short as possible. */
  readonly input: Uint8Array | undefined;
}

if (!isMainThread) await run(workerData as ThreadOptions);

async function run({ name, shared, seed, milliseconds }: ThreadOptions): Promise<void> {
  const counts = new Int32Array(shared, 0, 2);
  const bytes = new Uint8Array(shared, slots.bytes);
  const load = targets[name];
  if (load === undefined) throw new Error(`There is no target ${name}.`);
  // `src` as a whole: the target names its sources only once it is loaded.
  const coverage = new BlockCoverage([join(root, 'src')]);
  const target = await load();
  coverage.limit(target.sources.map((path) => join(root, path)));
  const close = await target.open?.();
  const {
    runs,
    corpus,
    coverage: ran,
    finding,
  } = await fuzz({
    target,
    coverage,
    stored: readCorpus(name),
    seed,
    milliseconds,
    onInput(input) {
      bytes.set(input.subarray(0, inputBytes));
      Atomics.store(counts, slots.length, Math.min(input.length, inputBytes));
      Atomics.add(counts, slots.runs, 1);
    },
  });
  await close?.();
  const report: FuzzReport = {
    runs,
    corpus,
    coverage: ran,
    error: finding === undefined ? undefined : textOf(finding.error),
    input: finding?.input,
  };
  parentPort?.postMessage(report);
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
