/**
 * The proof that the wire tests can fail: takes one rule of the guard out, or swaps two steps of the line, in a copy of
 * the repository, and runs the wire tests there. They have to turn red; a mutant that they let live is named and fails
 * the run.
 *
 *   node scripts/run.mjs scripts/mutate-guard.ts
 *
 * Prints the summary lines of node's test runner, one test a mutant, so that `.ci/run` counts them.
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { guardRules } from '../src/gateway/guard.ts';
import { root } from './setup.mjs';

const guardFile = 'src/gateway/guard.ts';
const lineFile = 'src/gateway/line.ts';
const testFiles = ['section-a', 'section-b', 'section-c', 'section-d', 'order'].map(
  (name) => `test/wire/${name}.test.ts`,
);

interface Mutant {
  readonly name: string;
  readonly file: string;
  /** Throws where the source does not look as it has to. */
  readonly change: (source: string) => string;
}

const steps = ['parts.guard', 'parts.auth', 'parts.policy', 'router'] as const;

function mutants(): readonly Mutant[] {
  const without = guardRules.map(({ name }) => ({
    name: `without the guard's rule ${name}`,
    file: guardFile,
    change: (source: string) =>
      replaceOnce(source, new RegExp(`\\{ name: '${name}', check: \\w+ \\}`), {
        // The other rules need what this one fills in, so it works, and only refuses nothing.
        by: (row) => row.replace(/check: (\w+)/, 'check: (x, needs) => void $1(x, needs)'),
      }),
  }));
  const swapped = steps.flatMap((one, i) =>
    steps.slice(i + 1).map((other) => ({
      name: `with ${one} and ${other} swapped`,
      file: lineFile,
      change: (source: string) =>
        replaceOnce(source, `[${steps.join(', ')}]`, {
          by: () => `[${steps.map((s) => (s === one ? other : s === other ? one : s)).join(', ')}]`,
        }),
    })),
  );
  return [...without, ...swapped];
}

function replaceOnce(
  source: string,
  pattern: RegExp | string,
  { by }: { by: (found: string) => string },
): string {
  const parts = source.split(pattern);
  if (parts.length !== 2)
    throw new Error(`${String(pattern)} stands ${parts.length - 1} times in the source`);
  return source.replace(pattern, by);
}

function copyRepository(): string {
  const folder = mkdtempSync(join(tmpdir(), 'flm-mutants-'));
  for (const part of ['package.json', 'src', 'test/helpers', ...testFiles])
    cpSync(join(root, part), join(folder, part), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'dir');
  return folder;
}

interface Run {
  readonly red: boolean;
  /** The first test that failed. */
  readonly by: string;
}

/** Runs the wire tests in a folder until the first test fails. */
async function runTests(folder: string): Promise<Run> {
  const args = ['--test', '--test-timeout=30000', '--test-reporter=tap', ...testFiles];
  const env = { ...process.env, NODE_TEST_CONTEXT: undefined };
  const child = spawn(process.execPath, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'ignore'] });
  let output = '';
  let by: string | undefined;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    // One is enough.
    by ??= /^ *not ok \d+ - (.*)$/m.exec(output)?.[1];
    if (by !== undefined) child.kill('SIGTERM');
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  return { red: by !== undefined || code !== 0, by: by ?? `exit code ${code}` };
}

async function tryMutant(mutant: Mutant): Promise<Run> {
  const folder = copyRepository();
  try {
    const file = join(folder, mutant.file);
    writeFileSync(file, mutant.change(readFileSync(file, 'utf8')));
    return await runTests(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const whole = copyRepository();
const unchanged = await runTests(whole).finally(() => rmSync(whole, { recursive: true, force: true }));
if (unchanged.red) throw new Error(`The wire tests fail without a mutant: ${unchanged.by}`);

const waiting = [...mutants()];
let killed = 0;
let alive = 0;
async function work(): Promise<void> {
  for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
    const { red, by } = await tryMutant(mutant);
    if (red) killed += 1;
    else alive += 1;
    console.log(red ? `✔ ${mutant.name}: ${by}` : `✖ ${mutant.name}: every test is green`);
  }
}
await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, work));
console.log(`ℹ pass ${killed}\nℹ fail ${alive}`);
if (alive > 0) process.exitCode = 1;
