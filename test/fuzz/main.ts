/**
 * Fuzzes each target in a thread of its own:
 *
 *   node scripts/run.mjs test/fuzz/main.ts [--seconds N] [--target NAME]... [--seed N] [--save] [--replay FILE]
 *
 * `--seconds`: for each target (60). `--save`: stores the corpus that was found. `--replay`: runs one input of one target and shows
 * the error. A finding is written to `test/fuzz/findings/` and fails the run. An input that runs for more than 30 seconds is a
 * finding too. Prints the summary lines of node's test runner, one test for each target.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { root } from '../../scripts/setup.mjs';
import { lineOf, writeCorpus } from './corpus.ts';
import { targets } from './targets.ts';
import { type FuzzReport, inputBytes, slots, type ThreadOptions } from './thread.ts';

const hangMs = 30_000;

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    target: { type: 'string', multiple: true, default: Object.keys(targets) },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    save: { type: 'boolean', default: false },
    replay: { type: 'string' },
  },
});
const unknown = options.target.find((name) => !Object.hasOwn(targets, name));
if (unknown !== undefined) {
  console.error(`There is no target ${unknown}. Targets: ${Object.keys(targets).join(', ')}`);
  process.exit(2);
}

if (options.replay === undefined) await fuzzAll();
else await replay(options.replay);

async function replay(file: string): Promise<void> {
  const [name, ...others] = options.target;
  if (name === undefined || others.length > 0) {
    console.error('Name one target: --target NAME --replay FILE');
    process.exit(2);
  }
  const target = await (targets[name] as (typeof targets)[string])();
  const close = await target.open?.();
  await target.check(readFileSync(file));
  await close?.();
  console.log('The input is read as the reference reads it.');
}

async function fuzzAll(): Promise<void> {
  console.log(`seed ${options.seed}, ${options.seconds} s for each target`);
  let failed = 0;
  for (const name of options.target) {
    const report = await fuzzOne(name);
    const { runs, corpus, coverage, error, input } = report;
    console.log(
      `${error === undefined ? '✔' : '✖'} ${name}: ${runs} inputs, ${corpus.length} in the corpus, ${coverage} characters of code ran`,
    );
    if (error === undefined) {
      if (options.save)
        writeCorpus(
          name,
          corpus.map((bytes) => Buffer.from(bytes)),
        );
      continue;
    }
    failed += 1;
    console.log(error);
    if (input === undefined) continue;
    const file = writeFinding(name, Buffer.from(input));
    console.log(`input: ${lineOf(Buffer.from(input))}`);
    console.log(
      `again: node scripts/run.mjs test/fuzz/main.ts --target ${name} --replay ${relative(root, file)}`,
    );
  }
  console.log(`ℹ pass ${options.target.length - failed}\nℹ fail ${failed}`);
  if (failed > 0) process.exitCode = 1;
}

function fuzzOne(name: string): Promise<FuzzReport> {
  const shared = new SharedArrayBuffer(slots.bytes + inputBytes);
  const data: ThreadOptions = {
    name,
    shared,
    seed: Number(options.seed),
    milliseconds: Number(options.seconds) * 1_000,
  };
  const worker = new Worker(new URL('./thread.ts', import.meta.url), { workerData: data });
  const counts = new Int32Array(shared, 0, 2);
  const nothing = { corpus: [], coverage: 0 };
  return new Promise((resolve) => {
    let runs = -1;
    const watch = setInterval(() => {
      const now = Atomics.load(counts, slots.runs);
      if (now !== runs) {
        runs = now;
        return;
      }
      const length = Atomics.load(counts, slots.length);
      const input = new Uint8Array(shared, slots.bytes, length).slice();
      end({ ...nothing, runs, error: `This input runs for more than ${hangMs / 1000} s.`, input });
    }, hangMs);
    const end = (report: FuzzReport): void => {
      clearInterval(watch);
      void worker.terminate();
      resolve(report);
    };
    worker.on('message', end);
    worker.on('error', (error) => end({ ...nothing, runs, error: String(error), input: undefined }));
  });
}

/** Named by its content, so that the same finding has one file. */
function writeFinding(name: string, input: Buffer): string {
  const folder = join(root, 'test/fuzz/findings');
  mkdirSync(folder, { recursive: true });
  const digest = createHash('sha256').update(input).digest('hex').slice(0, 16);
  const file = join(folder, `${name}-${digest}`);
  writeFileSync(file, input);
  return file;
}
