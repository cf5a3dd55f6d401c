/** `flm help`, `flm version`, `flm completion`, and names that were nearly right. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { assertMistake, makeCli, type TestCli } from '../helpers/cli.ts';

const run = promisify(execFile);
const entry = join(import.meta.dirname, '../../bin/flm.mjs');
const withoutShell = (shell: string): string | false =>
  spawnSync(shell, ['--version']).status === 0 ? false : `${shell} is not installed`;

/** A program of the given name in a folder of its own. */
function programIn(cli: TestCli, name: string, text: string): string {
  const folder = join(cli.folder, 'bin');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, name);
  writeFileSync(file, text);
  chmodSync(file, 0o755);
  return folder;
}

/** `flm` in PATH, as an installation leaves it. */
const installed = (cli: TestCli): string =>
  programIn(cli, 'flm', `#!/bin/sh\n# flm-proxy\nexec "${process.execPath}" "${entry}" "$@"\n`);

const inShell = async (t: TestContext, cli: TestCli, shell: string, script: string): Promise<string[]> => {
  const env = {
    ...process.env,
    FLM_SETUP: 'off',
    FLM_HOME: cli.home,
    PATH: `${installed(cli)}:${process.env.PATH}`,
  };
  const { stdout, stderr } = await run(shell, ['-c', script], { env });
  t.diagnostic(stderr.trim());
  return stdout.split('\n').filter((line) => line !== '');
};

const bash = (line: string): string => `
  source <(flm completion bash)
  COMP_LINE='${line}' COMP_POINT=${line.length}
  read -ra COMP_WORDS <<<"$COMP_LINE"; [[ $COMP_LINE == *' ' ]] && COMP_WORDS+=('')
  COMP_CWORD=$(( \${#COMP_WORDS[@]} - 1 ))
  _flm; printf '%s\\n' "\${COMPREPLY[@]}"`;

test('bash completes commands, options, fixed values, and names of keys and profiles', {
  skip: withoutShell('bash'),
}, async (t) => {
  const cli = makeCli(t);
  await cli.run('key', 'create', 'laptop');
  await cli.run('key', 'create', 'phone');
  await cli.run('profile', 'save', 'home');
  const complete = (line: string) => inShell(t, cli, 'bash', bash(line));

  assert.deepEqual(await complete('flm key sh'), ['show']);
  assert.deepEqual(await complete('flm key show lap'), ['laptop']);
  assert.deepEqual(await complete('flm key create x --rp'), ['--rpm']);
  assert.deepEqual(await complete('flm proxy start --mode dev'), ['dev-selfsigned']);
  assert.deepEqual(await complete('flm profile show h'), ['home']);
  assert.deepEqual(await complete('flm connect claude'), ['claude-code']);
  assert.deepEqual(await complete('flm help key cr'), ['create']);
  // What stands before a colon is on the command line already.
  assert.deepEqual(await complete('flm key create x --scope engine:r'), ['read']);
});

test('fish completes with descriptions', { skip: withoutShell('fish') }, async (t) => {
  const cli = makeCli(t);
  await cli.run('key', 'create', 'laptop');
  const complete = (line: string) =>
    inShell(t, cli, 'fish', `flm completion fish | source; complete -C '${line}'`);

  assert.deepEqual(await complete('flm key sh'), ['show\tshow a key and how much of its limits is used']);
  assert.match((await complete('flm key show lap'))[0] ?? '', /^laptop\tkey_/);
  assert.deepEqual(await complete('flm key create x --scope engine:r'), ['engine:read']);
});

test('zsh completes with descriptions', { skip: withoutShell('zsh') }, async (t) => {
  const cli = makeCli(t);
  await cli.run('key', 'create', 'laptop');
  // Shows what the script hands to the completion system.
  const complete = (...words: readonly string[]) =>
    inShell(
      t,
      cli,
      'zsh',
      `compdef() { : }; _files() { : }; _describe() { print -rl -- "\${(@P)2}" }
      source <(flm completion zsh)
      words=(${words.map((word) => `'${word}'`).join(' ')}) CURRENT=${words.length}; _flm`,
    );

  assert.deepEqual(await complete('flm', 'key', 'sh'), [
    'show:show a key and how much of its limits is used',
  ]);
  assert.match((await complete('flm', 'key', 'show', 'lap'))[0] ?? '', /^laptop:key_/);
  assert.deepEqual(await complete('flm', 'key', 'create', 'x', '--scope', 'engine:r'), ['engine\\:read']);
});

test('a completion never prints an error, whatever the data folder is', async (t) => {
  const cli = makeCli(t, { FLM_HOME: '/dev/null' });
  const ran = await cli.run('__complete', 'key', 'show', '');
  assert.deepEqual([ran.code, ran.stdout, ran.stderr], [0, '', '']);
  assertMistake(await makeCli(t).run('completion', 'tcsh'), /bash, zsh, fish/);
});

test('help and version are commands, too', async (t) => {
  const cli = makeCli(t);

  assert.equal((await cli.run('help')).stdout, (await cli.run('--help')).stdout);
  const one = await cli.run('help', 'key', 'create');
  assert.equal(one.code, 0);
  assert.match(one.stdout, /^Usage: flm key create /);
  assertMistake(await cli.run('help', 'kee'), /no command flm kee; similar: `flm key`/);
  assertMistake(await cli.run('help', 'key', 'creat'), /no command flm key creat; similar: `flm key create`/);

  assert.match((await cli.run('version')).stdout, /^flm \d+\.\d+\.\d+ \(Node \d+/);
  const version = (await cli.run('version', '--json')).json<{ version: string }>().version;
  assert.equal((await cli.run('-v')).stdout, `${version}\n`);
});

test('a name that is nearly right is answered with the one that exists', async (t) => {
  const cli = makeCli(t);
  await cli.run('profile', 'save', 'home');
  await cli.run('engine', 'add', 'http://127.0.0.1:9', '--id', 'gpu-box', '--kind', 'llamacpp');
  await cli.run('model', 'alias', 'fast', 'qwen3');
  await cli.run('key', 'create', 'laptop');

  for (const command of ['show', 'pause', 'revoke', 'delete'])
    assertMistake(await cli.run('key', command, 'laptp'), /no key laptp; similar names: laptop/);
  assertMistake(await cli.run('proxy', 'logs', 'hone'), /no profile named hone; similar names: home/);
  assertMistake(await cli.run('profile', 'show', 'hone'), /no profile named hone; similar names: home/);
  assertMistake(await cli.run('proxy', 'start', 'hone'), /no profile named hone; similar names: home/);
  assertMistake(await cli.run('engine', 'remove', 'gpu-bx'), /no engine gpu-bx; similar names: gpu-box/);
  assertMistake(await cli.run('model', 'unalias', 'fasst'), /no alias fasst; similar names: fast/);
});

test('another program named flm that comes first in PATH is named, ours is not', async (t) => {
  const cli = makeCli(t);
  const ours = await cli.run('version');
  assert.equal(ours.stderr, '');

  const folder = programIn(cli, 'flm', '#!/bin/sh\necho FastFlowLM\n');
  const clashing = makeCli(t, { PATH: `${folder}:${process.env.PATH}` });
  const told = await clashing.run('version');
  assert.match(told.stderr, new RegExp(`${folder}/flm.*Type flm-proxy instead`));

  const again = makeCli(t, { PATH: `${installed(cli)}:${process.env.PATH}` });
  assert.equal((await again.run('version')).stderr, '');
});
