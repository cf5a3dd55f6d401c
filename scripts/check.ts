/**
 * Runs the checks of `npm test`: `node scripts/check.ts all|static|tests [--node24] [--watch] [PATH...]`.
 *
 *   static  types, format and lint, layers, names, words, unused code; all at once, each prints only when it fails; with names, those alone
 *   tests   builds dist/, then runs every *.test.ts of src/ and test/ on node's own runner
 *   all     both
 *
 * With paths only test files below them run. These folders run only when named: test/acme (a real ACME server), test/api (the
 * admin API from outside, and its OpenAPI document), test/browser, test/clients (clients and their settings), test/commands
 * (whole commands, in both languages and in other shells), test/engines (real engines), test/faults (broken disks, databases
 * and hand-overs), test/fleet (a real PostgreSQL or Redis), test/linear (work counted in steps), test/long (soaks), test/machine
 * (changes of the machine), test/processes (several processes and threads of flm with one store), test/telemetry (a real Jaeger
 * and Prometheus). `--watch` runs tests again when a file that they import changes. `--node24` runs the tests on the oldest Node
 * that flm supports. A check that fails does not keep the others from running; the exit code is 1 if anything
 * failed, and the last lines are the test runner's summary.
 */
import { spawn } from 'node:child_process';
import { globSync, mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { node24 } from './node24.ts';
import { root, setUp } from './setup.mjs';

const [mode = 'all', ...rest] = process.argv.slice(2);
const paths = rest.filter((argument) => !argument.startsWith('--'));
const onNode24 = rest.includes('--node24');
const watches = rest.includes('--watch');

const checks: Readonly<Record<string, readonly string[]>> = {
  types: checkTypes('.'),
  'types of pages': checkTypes('src/web'),
  'format and lint': ['node_modules/@biomejs/biome/bin/biome', 'ci', '--colors=off', '.'],
  promises: ['node_modules/oxlint/bin/oxlint', '--type-aware', '--deny-warnings', '.'],
  layers: ['scripts/layers.ts'],
  names: ['scripts/names.ts'],
  words: ['scripts/words.ts'],
  'unused code': ['node_modules/knip/bin/knip.js', '--no-progress'],
};

let failed: string[] = [];
if (mode === 'all' || mode === 'static') failed = await runChecks();
let testsPassed = true;
if (mode === 'all' || mode === 'tests') testsPassed = await runTests();
if (failed.length > 0) console.error(`\nFailed before the tests: ${failed.join(', ')} (see above)`);
if (failed.length > 0 || !testsPassed) process.exitCode = 1;

/** The next check reads only what changed. */
function checkTypes(project: string): readonly string[] {
  const seen = `node_modules/.cache/types/${project === '.' ? 'code' : 'pages'}.tsbuildinfo`;
  return ['node_modules/typescript/bin/tsc', '-p', project, '--incremental', '--tsBuildInfoFile', seen];
}

async function runChecks(): Promise<string[]> {
  const outcomes = await Promise.all(
    chosenChecks().map(async ([name, args]) => {
      const started = performance.now();
      const { code, output } = await capture(args);
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`);
      if (code !== 0) console.log(output);
      return code === 0 ? [] : [name];
    }),
  );
  return outcomes.flat();
}

function chosenChecks(): readonly (readonly [string, readonly string[]])[] {
  const named = mode === 'static' ? paths : [];
  return Object.entries(checks).filter(([name]) => named.length === 0 || named.includes(name));
}

async function runTests(): Promise<boolean> {
  const files = testFiles();
  if (files.length === 0) {
    console.error(`No test file ${paths.length > 0 ? `below ${paths.join(', ')}` : 'found'}.`);
    return false;
  }
  setUp({ build: true });
  const node = onNode24 ? node24() : process.execPath;
  const cache = join(root, 'node_modules/.cache/node-compile');
  mkdirSync(cache, { recursive: true });
  const args = [
    '--test',
    ...(watches ? ['--watch'] : []),
    // More than the number of cores, because most tests wait for sockets and processes.
    `--test-concurrency=${availableParallelism() + 1}`,
    // A hanging test is reported instead of blocking the run. Long runs set their own limit.
    `--test-timeout=${timeLimitMs()}`,
    ...files,
  ];
  // Tests use the build from just now, on the Node that runs them, so the `flm` command must not run the set-up again.
  const env: NodeJS.ProcessEnv = { ...process.env, FLM_SETUP: 'off', NODE_COMPILE_CACHE: cache };
  // Every process would read an additional CA of this machine first, and only tests that are named reach other machines.
  if (paths.length === 0) delete env.NODE_EXTRA_CA_CERTS;
  const child = spawn(node, args, { cwd: root, stdio: 'inherit', env });
  return (await ended(child)) === 0;
}

function timeLimitMs(): number {
  const more = Math.max(1, Number(process.env.FLM_TEST_RUNS ?? 1) || 1);
  // The soak lasts as long as it is told to.
  const minutes = Number(process.env.FLM_TEST_MINUTES ?? 0) || 0;
  return more * timeLimitOfOneRunMs() + minutes * 60_000;
}

function timeLimitOfOneRunMs(): number {
  if (paths.some((path) => /^test\/(long|machine)/.test(path))) return 1_800_000;
  // Shorter than the time limit of this part in .ci/run. Otherwise a hanging test would not be reported.
  if (paths.some((path) => /^test\/(browser|clients)/.test(path))) return 120_000;
  if (paths.some((path) => /^test\/(acme|api)/.test(path))) return 150_000;
  return paths.some((path) => /^test\/(engines|fleet)/.test(path)) ? 300_000 : 90_000;
}

function testFiles(): string[] {
  const all = globSync(['src/**/*.test.ts', 'test/**/*.test.ts'], { cwd: root }).sort();
  const isBelow = (file: string) => (path: string) => file.startsWith(path.replace(/^\.\//, ''));
  if (paths.length > 0) return all.filter((file) => paths.some(isBelow(file)));
  return all.filter(
    (file) =>
      !/^test\/(acme|api|browser|clients|commands|engines|faults|fleet|linear|long|machine|processes|telemetry|fixtures)\//.test(
        file,
      ),
  );
}

async function capture(args: readonly string[]): Promise<{ code: number; output: string }> {
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
  return { code: await ended(child), output };
}

function ended(child: ReturnType<typeof spawn>): Promise<number> {
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}
