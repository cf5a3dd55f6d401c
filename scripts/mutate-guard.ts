/**
 * Proves that the wire tests can fail. In a copy of the repository it removes one rule of the guard, of
 * FastPathParser or of the memories of heads, or swaps two steps of the pipeline, and runs the tests there. The tests must fail; a mutant that
 * survives is named and fails the run. One mutant must survive: with FastPathParser switched off, `node:http` parses
 * everything, and the wire tests demand the same behaviour.
 *
 *   node scripts/run.mjs scripts/mutate-guard.ts [--all]
 *
 * Without `--all` it tries a sample that the hash of the current commit chooses, so that CI sees every mutant over time and
 * one commit always gives the same result.
 *
 * Prints the summary lines of node's test runner, one test per mutant, so that `.ci/run` can count them.
 */
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { guardRules } from '../src/gateway/guard.ts';
import { root } from './setup.mjs';

const guardFile = 'src/gateway/guard.ts';
const pipelineFile = 'src/gateway/request-pipeline.ts';
const readerFile = 'src/gateway/http/fast-path-parser.ts';
const headFile = 'src/gateway/http/fast-path-head.ts';
const memoryFile = 'src/gateway/http/head-memory.ts';
const fieldsFile = 'src/gateway/request-headers.ts';
const keySetFile = 'src/core/security/key-set.ts';
const readKeysFile = 'src/core/security/read-keys.ts';
const engineHeadFile = 'src/upstream/remembered-head.ts';
const engineParserFile = 'src/upstream/response-parser.ts';
/** Wire tests that apply to both parsers. */
const anyReader = [
  'refused-by-parser',
  'refused-by-guard',
  'paths',
  'authentication',
  'forwarded-addresses',
  'browser-requests',
  'order',
  'methods',
  'request-headers',
].map((name) => `test/wire/${name}.test.ts`);
const wireTests = [...anyReader, 'test/wire/two-readers.test.ts', 'test/wire/remembered-heads.test.ts'];
const headTests = [
  'src/gateway/http/fast-path-head.test.ts',
  'src/gateway/http/fast-path-head.property.test.ts',
];
const memoryTests = [
  'src/gateway/http/head-memory.test.ts',
  'src/gateway/http/head-memory.property.test.ts',
  'test/wire/remembered-heads.test.ts',
];
const engineHeadTests = [
  'src/upstream/remembered-head.test.ts',
  'src/upstream/response-parser.property.test.ts',
];

interface Mutant {
  readonly name: string;
  readonly file: string;
  /** Throws if the source does not contain the expected text. */
  readonly change: (source: string) => string;
  readonly tests: readonly string[];
  /** True if the tests must still pass. */
  readonly lives?: boolean;
}

const steps = ['guard', 'authenticate', 'applyPolicy', 'router'] as const;

function mutants(): readonly Mutant[] {
  const without = guardRules.map(({ name }) => ({
    name: `without the guard's rule ${name}`,
    file: guardFile,
    change: (source: string) =>
      replaceOnce(source, new RegExp(`\\{ name: '${name}', check: \\w+ \\}`), {
        // The other rules need the values that this rule sets, so the mutant still sets them and only refuses nothing.
        by: (row) => row.replace(/check: (\w+)/, 'check: (x, needs) => void $1(x, needs)'),
      }),
    tests: wireTests,
  }));
  const swapped = steps.flatMap((one, i) =>
    steps.slice(i + 1).map((other) => ({
      name: `with ${one} and ${other} swapped`,
      file: pipelineFile,
      change: (source: string) =>
        replaceOnce(source, `[${steps.join(', ')},`, {
          by: () => `[${steps.map((s) => (s === one ? other : s === other ? one : s)).join(', ')},`,
        }),
      tests: wireTests,
    })),
  );
  const lenient = headRules.map(([name, rule, by]) => ({
    name: `a reader that takes ${name}`,
    file: headFile,
    change: (source: string) => replaceOnce(source, rule, { by: () => by }),
    tests: headTests,
  }));
  return [
    ...without,
    ...swapped,
    ...lenient,
    ...ofRules('a memory of heads', memoryRules, memoryTests),
    ...ofRules('a memory of engine heads', engineHeadRules, engineHeadTests),
    ...ofRules('a set of keys', keyRules, ['src/core/security/key-set.test.ts']),
    ...ofReader,
  ];
}

/** The removed text of a file, and its replacement. */
type Rule = readonly [name: string, file: string, rule: string, by: string];

function ofRules(what: string, rules: readonly Rule[], tests: readonly string[]): readonly Mutant[] {
  return rules.map(([name, file, rule, by]) => ({
    name: `${what} that ${name}`,
    file,
    change: (source) => replaceOnce(source, rule, { by: () => by }),
    tests,
  }));
}

/** Rules of the look-up of a key. */
const keyRules: readonly Rule[] = [
  [
    'finds a deleted key by its digest',
    keySetFile,
    'key === undefined || this.#gone.has(key.id) ? undefined : key',
    'key',
  ],
  [
    'finds a deleted key by its id',
    keySetFile,
    'this.#gone.has(id) ? undefined : this.#read.withId(id)',
    'this.#read.withId(id)',
  ],
  [
    'compares the beginning of a digest',
    readKeysFile,
    'asked.every((word, i) => keys.digests[from + i] === word)',
    'asked[0] === keys.digests[from]',
  ],
  ['takes a text that begins with a digest', readKeysFile, '|| digest.length !== digestBytes * 2', ''],
];

/** Rules of FastPathParser for the head of a request: the removed text and its replacement. */
const headRules: readonly (readonly [name: string, rule: string, by: string])[] = [
  ['a known field twice', 'fields.anyRepeated ||', ''],
  ['a transfer coding', "fields.get('transfer-encoding') !== undefined ||", ''],
  ['an expectation', "fields.get('expect') !== undefined ||", ''],
  [
    'any option of a connection',
    "connection !== undefined && connection !== 'close' && !staysOpen(connection)",
    'false',
  ],
  ['a length that is no number', '|| !length.test(declared)', ''],
  ['a length beyond what a number holds', '{1,15}', '+'],
  ['a GET with a body', ": declared !== undefined && declared !== '0')", ': false)'],
  [
    'any end of a line',
    'bytes[at] !== cr || bytes[at + 1] !== lf) return undefined;\n    fields',
    'bytes[at] !== cr) return undefined;\n    fields',
  ],
  [
    'any end of a head',
    'bytes[at] !== cr || bytes[at + 1] !== lf) return undefined;\n\n',
    'bytes[at] !== cr) return undefined;\n\n',
  ],
  ['a fragment', 'classes[0x23] = inValue;', ''],
  ['DEL', 'code < 0x7f', 'code <= 0x7f'],
];

/** Rules for heads that a connection remembers: the removed text and its replacement. */
const memoryRules: readonly Rule[] = [
  ['compares no byte', memoryFile, '!== known.digest) return', '=== undefined) return'],
  [
    'does not compare what follows the length',
    memoryFile,
    'bytes.copy(scratch, middle, digitsEnd, end);',
    '',
  ],
  ['takes a head that was refused', memoryFile, 'known?.findings.route === undefined', 'known === undefined'],
  ['takes a length without digits', memoryFile, 'at === digitsAt || ', ''],
  ['takes a length beyond what a number holds', memoryFile, ' || at - digitsAt > maxDigits', ''],
  ['takes a head of any size', memoryFile, 'end - from > maxBytes || ', ''],
  ['takes a head that closes', memoryFile, ' || read.closes', ''],
  ['forgets nothing', memoryFile, 'this.#ticks >= maxTicks', 'false'],
  ['forgets nothing when another parser takes over', readerFile, 'this.#connection.heads.forget();', ''],
  ['keeps credentials', fieldsFile, ' && !unkeptSlots.has(slot)', ''],
  [
    'keeps fields that the operator added',
    fieldsFile,
    'if (this.table.addedSlots.some((slot) => this.#values[slot] !== undefined)) return undefined;',
    '',
  ],
  ['trusts a forwarded address for good', guardFile, "'forwarded', 'draining']", "'draining']"],
  ['does not see that the proxy stops', guardFile, "'forwarded', 'draining']", "'forwarded']"],
];

/** Rules for response heads that a connection to an engine remembers. */
const engineHeadRules: readonly Rule[] = [
  ['does not compare what precedes the length', engineHeadFile, 'i < digitsAt; i++', 'i < 0; i++'],
  [
    'does not compare what follows the length',
    engineHeadFile,
    'for (let i = digitsEnd; at < end; i++',
    'for (let i = digitsEnd; at > end; i++',
  ],
  ['reads beyond what has arrived', engineHeadFile, 'if (end > to) return -1;', ''],
  ['takes a length without digits', engineHeadFile, 'if (at === from + digitsAt) return -1;', ''],
  ['takes a length beyond what a number holds', engineHeadFile, 'Math.min(to, at + maxDigits)', 'to'],
  [
    'takes the length of an earlier response',
    engineParserFile,
    'remembered.head, remembered.length, true',
    'remembered.head, remembered.head.length, true',
  ],
  [
    'keeps fields that may be secret',
    engineHeadFile,
    'if (!harmless.has(head.fields[i] as string)) return;',
    '',
  ],
  ['keeps a head of any size', engineHeadFile, ' || text.length + 2 > maxBytes', ''],
  ['forgets nothing', engineHeadFile, 'this.#ticks >= maxTicks', 'false'],
  ['keeps interim responses', engineParserFile, 'if (head.status >= 200) remembered.keep', 'remembered.keep'],
  ['joins a head with lines before it', engineParserFile, 'this.#lines.isEmpty ?', 'true ?'],
];

const ofReader: readonly Mutant[] = [
  {
    name: 'a reader that takes what comes together with another request',
    file: readerFile,
    change: (source) =>
      replaceOnce(source, ' || bytes.length - read.end > (read.declaredBytes ?? 0)', { by: () => '' }),
    tests: wireTests,
  },
  {
    name: 'a reader that keeps whatever waits',
    file: readerFile,
    change: (source) => replaceOnce(source, '> maxWaitingBytes', { by: () => '> Infinity' }),
    tests: wireTests,
  },
  {
    name: 'node:http alone, which is no worse',
    file: headFile,
    change: (source) =>
      replaceOnce(source, "const post = Buffer.from('POST /');", {
        by: () => "const post = Buffer.from('\\0');",
      }).replace("const get = Buffer.from('GET /');", "const get = Buffer.from('\\0');"),
    tests: anyReader,
    lives: true,
  },
];

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

const sampleSize = 14;

/** Returns the mutants with the lowest hashes, salted with the commit. */
function sample(all: readonly Mutant[]): Mutant[] {
  const commit = execFileSync('git', ['rev-parse', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim();
  const rank = ({ name }: Mutant): string => createHash('sha256').update(`${commit} ${name}`).digest('hex');
  console.log(
    `${sampleSize} of ${all.length} mutants, chosen by commit ${commit.slice(0, 12)}; ` +
      'all of them: npm run verify:long mutations',
  );
  return all
    .map((mutant) => ({ mutant, rank: rank(mutant) }))
    .sort((a, b) => (a.rank < b.rank ? -1 : 1))
    .slice(0, sampleSize)
    .map(({ mutant }) => mutant);
}

function copyRepository(): string {
  const folder = mkdtempSync(join(tmpdir(), 'flm-mutants-'));
  for (const part of ['package.json', 'src', 'test/helpers', ...wireTests])
    cpSync(join(root, part), join(folder, part), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'dir');
  return folder;
}

interface Run {
  readonly red: boolean;
  /** The name of the first test that failed. */
  readonly by: string;
}

/** Runs tests in a folder until the first one fails. */
async function runTests(folder: string, testFiles: readonly string[]): Promise<Run> {
  const args = ['--test', '--test-timeout=30000', '--test-reporter=tap', ...testFiles];
  const env = { ...process.env, NODE_TEST_CONTEXT: undefined };
  const child = spawn(process.execPath, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'ignore'] });
  let output = '';
  let by: string | undefined;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    // One failed test is enough.
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
    return await runTests(folder, mutant.tests);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const all = mutants();
// All of them, also where only some are tried: a changed source must not break a mutant unseen.
for (const { file, change } of all) change(readFileSync(join(root, file), 'utf8'));

const whole = copyRepository();
const unchanged = await runTests(whole, [
  ...new Set([...wireTests, ...headTests, ...memoryTests, ...engineHeadTests]),
]).finally(() => rmSync(whole, { recursive: true, force: true }));
if (unchanged.red) throw new Error(`The wire tests fail without a mutant: ${unchanged.by}`);

const waiting = process.argv.includes('--all') ? [...all] : sample(all);
let killed = 0;
let alive = 0;
async function work(): Promise<void> {
  for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
    const { red, by } = await tryMutant(mutant);
    const right = red !== (mutant.lives === true);
    if (right) killed += 1;
    else alive += 1;
    console.log(`${right ? '✔' : '✖'} ${mutant.name}: ${red ? by : 'every test is green'}`);
  }
}
await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, work));
console.log(`ℹ pass ${killed}\nℹ fail ${alive}`);
if (alive > 0) process.exitCode = 1;
