/**
 * Runs a verification that is too long for `.ci/run`: `npm run verify:long NAME`. Each takes minutes to hours.
 *
 * `.ci/run` runs a short form of each. The exit code is that of the verification.
 */
import { spawnSync } from 'node:child_process';
import { globSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { root } from './setup.mjs';

interface Verification {
  readonly about: string;
  readonly args: readonly string[];
  /** How many times more cases property tests and soaks try than in `npm test`. */
  readonly runs?: number;
  /** It takes its duration in minutes and a folder for what it finds. */
  readonly lasts?: true;
}

const verifications: Readonly<Record<string, Verification>> = {
  mutations: {
    about: 'removes each rule of the guard and of the request reader in turn; the tests must notice',
    args: ['scripts/mutate-guard.ts', '--all'],
  },
  soak: {
    about: 'two hours of load with faults, or `soak MINUTES FOLDER`; samples, charts and a verdict in FOLDER',
    args: ['scripts/check.ts', 'tests', 'test/long/faults-under-load'],
    lasts: true,
  },
  memory: {
    about:
      'a million requests and ten thousand streams; memory and connections must return to where they were',
    args: ['scripts/check.ts', 'tests', 'test/long/soak.test.ts'],
    runs: 10,
  },
  restart: {
    about:
      'fifty restarts (ten of them upgrades) and ten renewals under load: nothing is refused, cut or wrong, and limits hold',
    args: ['scripts/check.ts', 'tests', 'test/long/restart.test.ts'],
    runs: 10,
  },
  fleet: {
    about:
      'three gateways behind HAProxy, 200,000 requests while nodes, database and Redis fail; thousands of simulated faults',
    args: ['scripts/check.ts', 'tests', 'test/fleet'],
    runs: 20,
  },
  telemetry: {
    about: 'traces in a real Jaeger, metrics in a real Prometheus; run test/telemetry/install.sh first',
    args: ['scripts/check.ts', 'tests', 'test/telemetry'],
  },
  fuzz: {
    about: 'an hour of coverage-guided fuzzing of parsers, files and the admin API, beside other parsers',
    args: ['test/fuzz/main.ts', '--seconds', '450'],
  },
  properties: {
    about: 'property tests of parsers, rules and limits, fifty times as many inputs as in npm test',
    args: ['scripts/check.ts', 'tests', ...propertyTests()],
    runs: 50,
  },
};

function propertyTests(): readonly string[] {
  return globSync(['src/**/*.property.test.ts', 'test/**/*.property.test.ts'], { cwd: root }).concat(
    'src/core/security',
  );
}

const [name = '', minutes = '120', folder] = process.argv.slice(2);
const chosen = Object.hasOwn(verifications, name) ? verifications[name] : undefined;
if (chosen === undefined) {
  console.error(name === '' ? 'Name a verification.' : `There is no verification named ${name}.`);
  console.error('Run one of these:');
  for (const [known, { about }] of Object.entries(verifications))
    console.error(`  npm run verify:long ${known.padEnd(10)} ${about}`);
  process.exitCode = 1;
} else {
  const { args, runs, lasts } = chosen;
  const more: Record<string, string> = runs === undefined ? {} : { FLM_TEST_RUNS: String(runs) };
  if (lasts) {
    more.FLM_TEST_MINUTES = minutes;
    more.FLM_TEST_SAMPLES = resolve(folder ?? mkdtempSync(join(tmpdir(), 'flm-samples-')));
    console.log(`${minutes} minutes; samples in ${more.FLM_TEST_SAMPLES}`);
  }
  const { status } = spawnSync(process.execPath, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...more },
  });
  process.exitCode = status ?? 1;
}
