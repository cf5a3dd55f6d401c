import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Command } from 'commander';
import { makeProgram } from '../../src/cli/program.ts';
import { assertMistake, makeCli } from '../helpers/cli.ts';
import { silentCli } from '../helpers/silent-cli.ts';

const program = makeProgram(silentCli());
const all = [...commandsOf(program, [])];

function* commandsOf(
  command: Command,
  path: readonly string[],
): Generator<readonly [readonly string[], Command]> {
  for (const sub of command.commands) {
    const name = [...path, sub.name()];
    yield [name, sub];
    yield* commandsOf(sub, name);
  }
}

test('no command stands in the help that does nothing: each is driven by a test of the built program', () => {
  const root = join(import.meta.dirname, '../..');
  const tests = globSync('test/**/*.test.ts', { cwd: root }).map((name) =>
    readFileSync(join(root, name), 'utf8'),
  );
  for (const [path, command] of all) {
    if (command.commands.length > 0) continue;
    const call = path.map((word) => `'${word}'`).join(', ');
    assert.ok(
      tests.some((text) => text.includes(call)),
      `flm ${path.join(' ')}`,
    );
  }
});

test('every command that does something has an example in its help and speaks JSON', () => {
  for (const [path, command] of all) {
    if (command.commands.length > 0) continue;
    let help = '';
    command.configureOutput({ writeOut: (text) => (help += text) });
    command.outputHelp();
    assert.match(help, /\nExample:\n {2}flm /, path.join(' '));
    const example = help.slice(help.indexOf('Example:'));
    assert.ok(example.includes(`flm ${path.join(' ')}`), `the example of ${path.join(' ')} shows it`);
    assert.match(help, /--json/, path.join(' '));
    assert.notEqual(command.description(), '', path.join(' '));
  }
});

test('help goes to standard output and is success', async (t) => {
  const cli = makeCli(t);

  const whole = await cli.run('--help');
  const one = await cli.run('policy', 'set', '--help');

  assert.equal(whole.code, 0);
  assert.equal(whole.stderr, '');
  for (const command of program.commands)
    assert.match(whole.stdout, new RegExp(`^ {2}${command.name()} `, 'm'));
  assert.match(one.stdout, /^Usage: flm policy set /);
  assert.match(one.stdout, /^Example:\n {2}flm policy set/m);
  assert.equal((await cli.run('--version')).stdout.trim(), '0.1.0');
});

test('the help lists commands in groups, the first steps first, and says where to read more', async (t) => {
  const { stdout } = await makeCli(t).run('--help');

  const headings = [...stdout.matchAll(/^(\S.*):$/gm)].map(([, name]) => name);
  assert.deepEqual(headings, [
    'Options',
    'Start',
    'Access',
    'Engines',
    'Observe',
    'HTTPS',
    'Operate',
    'flm itself',
  ]);
  assert.match(stdout, /^Start:\n {2}up +\S.*\n {2}chat /m);
  for (const line of stdout.split('\n')) assert.ok(line.length <= 80, line);
});

test('a command that stands in another group is named, and a group says what it has', async (t) => {
  const cli = makeCli(t);

  for (const [word, command] of [
    ['statsu', 'status'],
    ['stop', 'proxy stop'],
    ['logs', 'proxy logs'],
    ['rotate', 'key rotate'],
    ['models', 'model'],
  ] as const)
    assertMistake(
      await cli.run(word),
      new RegExp(`no command flm ${word}; similar: (\`flm [a-z ]+\`, )*\`flm ${command}\``),
    );
  assertMistake(await cli.run('ls'), /similar: `flm key list`, `flm share list`, `flm engine list`/);
  assertMistake(
    await cli.run('model', 'wipe'),
    /no command flm model wipe; flm model has list, alias, unalias\./,
  );
});

test('a value that is not valid is named by the flag that gave it', async (t) => {
  const cli = makeCli(t);

  assertMistake(
    await cli.run('key', 'create', 'a', '--rpm', '-1'),
    /--rpm \(requestsPerMinute\) is -1; allowed: 1/,
  );
  assertMistake(await cli.run('key', 'create', 'a', '--scope', 'all'), /--scope \(scopes\.0\) is "all"/);
  assertMistake(await cli.run('up', '--engine', 'ftp://x'), /--engine \(engines\.0\.url\) is "ftp:\/\/x"/);
  assertMistake(await cli.run('up', '--grace', '-1'), /--grace \(graceMs\) is -1000/);
  assertMistake(await cli.run('key', 'create', ''), / label is ""; allowed: 1 character or more/);
  const json = await cli.run('key', 'create', 'a', '--rpm', '-1', '--json');
  const { error } = JSON.parse(json.stderr) as { error: { faults: { field: string }[] } };
  assert.deepEqual(
    error.faults.map(({ field }) => field),
    ['requestsPerMinute'],
  );
});

test('a mistake in the use of a command names the help that fixes it', async (t) => {
  const cli = makeCli(t);

  assertMistake(await cli.run('polcy'), /no command flm polcy; similar: `flm policy`/);
  assertMistake(await cli.run('nonsense'), /See `flm --help`/);
  assertMistake(await cli.run('policy', 'shw'), /`flm policy show`\.\nSee `flm policy --help`/);
  assertMistake(await cli.run('policy', 'set', '--colour', 'red'), /See `flm policy set --help`/);
  assertMistake(
    await cli.run('profile', 'import'),
    /Missing required argument 'file'.*\nSee `flm profile import/,
  );
  const json = await cli.run('explain', '--json');
  assert.equal((JSON.parse(json.stderr) as { error: { code: string } }).error.code, 'USAGE');
});

test('colours stay where a terminal reads, and NO_COLOR keeps them from there', async (t) => {
  const cli = makeCli(t);
  await cli.run('policy', 'set', '--rpm', '5');
  for (const args of [
    ['policy', 'set', '--rpm', '6'],
    ['policy', 'shw'],
    ['proxy', 'status'],
  ]) {
    const { stdout, stderr } = await cli.run(...args);
    assert.ok(!(stdout + stderr).includes('\x1b'), args.join(' '));
  }
});
