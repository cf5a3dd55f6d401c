/**
 * `flm connect CLIENT --write` edits the file of the client and nothing else in it, and `--undo` brings back what it was.
 */
import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { type TestContext, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { parse as parseToml } from '@decimalturn/toml-patch';
import { parse as parseJsonc } from 'jsonc-parser';
import { parse as parseYaml } from 'yaml';
import { assertMistake, makeCli, type TestCli } from '../helpers/cli.ts';
import { startProxy } from '../helpers/start-proxy.ts';

interface Fixture {
  readonly cli: TestCli;
  readonly url: string;
  /** Below the home folder. */
  path(name: string): string;
  put(name: string, text: string, mode?: number): string;
}

async function fixtureOf(t: TestContext): Promise<Fixture> {
  const cli = makeCli(t);
  const { url } = await startProxy(cli, '--demo');
  const path = (name: string): string => join(cli.folder, name);
  return {
    cli,
    url,
    path,
    put(name, text, mode = 0o644) {
      mkdirSync(dirname(path(name)), { recursive: true });
      writeFileSync(path(name), text);
      chmodSync(path(name), mode);
      return path(name);
    },
  };
}

interface Written {
  readonly file: { readonly path: string; readonly changed: boolean; readonly backup: string | null };
  readonly snippets: readonly { readonly text: string }[];
  readonly warnings: readonly string[];
}

async function written(cli: TestCli, ...args: readonly string[]): Promise<Written> {
  const ran = await cli.run('connect', ...args, '--write', '--yes', '--json');
  assert.equal(ran.code, 0, ran.stderr);
  return ran.json<Written>();
}
const read = (path: string): string => readFileSync(path, 'utf8');
const modeOf = (path: string): number => statSync(path).mode & 0o777;
/** Nothing but the file lies in its folder. */
const alone = (path: string): void => {
  assert.deepEqual(
    readdirSync(dirname(path)).filter((name) => name.endsWith('.flm')),
    [],
  );
};

const codex = '.codex/config.toml';
const mine = `# my codex
model = "gpt-5" # the best

[model_providers.other] # mine
name = 'x'

[profiles.a]
model = "o3"
`;

test('settings come into a file that is there, its mode and all else stays, and --undo brings it back', async (t) => {
  const { cli, url, put } = await fixtureOf(t);
  const path = put(codex, mine, 0o640);

  const { file, snippets } = await written(cli, 'codex');

  assert.deepEqual([file.path, file.changed], [path, true]);
  assert.equal(modeOf(path), 0o640);
  const after = read(path);
  for (const line of mine.split('\n').filter((l) => !l.startsWith('model = "gpt-5')))
    assert.ok(after.includes(line));
  assert.match(after, /^model = "flm-demo" # the best$/m);
  assert.match(after, new RegExp(`^\\[model_providers\\.flm\\]\nname = "flm"\nbase_url = "${url}/v1"$`, 'm'));
  assert.deepEqual(snippets, []);
  assert.equal(read(file.backup ?? ''), mine);
  assert.equal(modeOf(file.backup ?? ''), 0o600);
  alone(path);

  const undone = await cli.run('connect', 'codex', '--undo');
  assert.deepEqual([undone.code, undone.stdout], [0, `Restored ${path}.\n`]);
  assert.deepEqual([read(path), modeOf(path)], [mine, 0o640]);
  assertMistake(await cli.run('connect', 'codex', '--undo'), /nothing to undo/);
});

test('a file that is not there is made for this user alone, and --undo removes it', async (t) => {
  const { cli, path } = await fixtureOf(t);
  const file = path('.config/opencode/opencode.json');

  const { file: told } = await written(cli, 'opencode');

  assert.deepEqual(told, { path: file, changed: true, backup: null });
  assert.equal(modeOf(file), 0o600);
  const settings = JSON.parse(read(file)) as { $schema: string; provider: { flm: { options: object } } };
  assert.equal(settings.$schema, 'https://opencode.ai/config.json');
  assert.deepEqual((settings.provider.flm.options as { apiKey: string }).apiKey, '{env:FLM_API_KEY}');

  // Once more changes nothing, and makes nothing to undo.
  assert.equal((await written(cli, 'opencode')).file.changed, false);
  const undone = await cli.run('connect', 'opencode', '--undo', '--json');
  assert.deepEqual(undone.json(), {
    client: 'opencode',
    file: { path: file, restored: true, removed: true },
  });
  assert.equal(existsSync(file), false);
});

test('every client with a file of its own is written so that its format reads it, also where it is empty', async (t) => {
  const { cli, put, path } = await fixtureOf(t);
  const readers = { json: parseJsonc, yaml: parseYaml, toml: parseToml } as const;
  for (const [client, name, format, value] of [
    ['claude-code', '.claude/settings.json', 'json', 'CLAUDE_CODE_ATTRIBUTION_HEADER'],
    ['codex', codex, 'toml', 'supports_websockets'],
    ['opencode', '.config/opencode/opencode.json', 'json', '@ai-sdk/openai-compatible'],
    ['goose', '.config/goose/config.yaml', 'yaml', 'GOOSE_PROVIDER'],
    ['aider', '.aider.conf.yml', 'yaml', 'openai-api-base'],
    ['continue', '.continue/config.yaml', 'yaml', 'version'],
    ['zed', '.config/zed/settings.json', 'json', 'openai_compatible'],
  ] as const) {
    put(name, '');
    assert.equal((await written(cli, client)).file.path, path(name), client);
    assert.match(JSON.stringify(readers[format](read(path(name)))), new RegExp(value), client);
  }
  put('lc/librechat.yaml', 'version: 1.2.1\n');
  assertMistake(await cli.run('connect', 'librechat', '--write', '--yes'), /name it with --file/);
  await written(cli, 'librechat', '--file', path('lc/librechat.yaml'));
  assert.match(read(path('lc/librechat.yaml')), /^version: 1\.2\.1\nendpoints:\n {2}custom:\n/);
  assertMistake(await cli.run('connect', 'open-webui', '--write', '--yes'), /has no file of settings/);
});

test('a key goes into a file only where the client reads it nowhere else', async (t) => {
  const { cli, path } = await fixtureOf(t);

  const { snippets } = await written(cli, 'claude', '--key', 'flm_secret');
  assert.doesNotMatch(read(path('.claude/settings.json')), /flm_secret/);
  assert.match(
    snippets[0]?.text ?? '',
    /^unset ANTHROPIC_API_KEY\nexport ANTHROPIC_AUTH_TOKEN=flm_secret\nclaude$/,
  );
  await written(cli, 'continue', '--key', 'flm_secret');
  assert.doesNotMatch(read(path('.continue/config.yaml')), /flm_secret/);

  const vscode = path('.config/Code/User/chatLanguageModels.json');
  assertMistake(await cli.run('connect', 'vscode', '--write', '--yes'), /give --key KEY or --new-key LABEL/);
  const shown = await cli.run('connect', 'vscode', '--write', '--key', 'flm_secret');
  assert.equal(shown.code, 1);
  assert.match(shown.stdout, /\+ {5}"apiKey": "YOUR_KEY",/);
  assert.doesNotMatch(shown.stdout, /flm_secret/);
  assert.equal(existsSync(vscode), false);
  await written(cli, 'vscode', '--key', 'flm_secret');
  const [entry] = JSON.parse(read(vscode)) as { apiKey: string }[];
  assert.deepEqual([entry?.apiKey, modeOf(vscode)], ['flm_secret', 0o600]);
  assert.equal((await written(cli, 'vscode', '--key', 'flm_secret')).file.changed, false);
  chmodSync(vscode, 0o644);
  const { warnings } = await written(cli, 'vscode', '--new-key', 'editor');
  assert.ok(warnings.some((w) => w.includes('may read the key')));
  assert.match(read(vscode), /"apiKey": "flm_(?!secret)/);
});

test('without --yes and without a terminal the difference is shown, without secrets, and nothing is changed or made', async (t) => {
  const { cli, put } = await fixtureOf(t);
  const before =
    'name: mine\nversion: 1.0.0\nmodels:\n  - name: gpt\n    provider: openai\n    apiKey: sk-very-secret\n';
  const path = put('.continue/config.yaml', before);

  const ran = await cli.run('connect', 'continue', '--write', '--new-key', 'x');

  assert.equal(ran.code, 1);
  assert.match(ran.stdout, /^ {6}apiKey: …$/m);
  assert.match(ran.stdout, /^\+ {3}- name: "flm-demo \(flm\)"$/m);
  assert.doesNotMatch(ran.stdout, /sk-very-secret/);
  assert.match(ran.stderr, /This changes .*config\.yaml\. Run the command again with --yes/);
  assert.equal(read(path), before);
  assert.deepEqual((await cli.run('key', 'list', '--json')).json(), { keys: [] });
  assert.equal(existsSync(join(cli.home, 'connect')), false);
});

test('a person is asked, and a file that changes before the answer is left alone', async (t) => {
  const { cli, put } = await fixtureOf(t);
  const path = put(codex, mine);
  const ask = async (meanwhile: () => void, answer: string): Promise<string> => {
    const running = cli.startInTerminal('connect', 'codex', '--write');
    await running.saw(/This changes .*\. Continue\? \[y\/N\]/);
    meanwhile();
    running.child.stdin?.write(`${answer}\n`);
    return stripVTControlCharacters((await running.ended).stdout);
  };

  assert.match(await ask(() => {}, 'n'), /Nothing was changed/);
  assert.equal(read(path), mine);
  assert.match(await ask(() => writeFileSync(path, `${mine}# new\n`), 'y'), /changed meanwhile/);
  assert.equal(read(path), `${mine}# new\n`);
  assert.match(await ask(() => unlinkSync(path), 'y'), /changed meanwhile/);
  assert.equal(existsSync(path), false);
  assert.match(await ask(() => writeFileSync(path, mine), 'y'), /changed meanwhile/);
  assert.equal(read(path), mine);
  assert.equal(existsSync(join(cli.home, 'connect')), false);
  assert.match(await ask(() => {}, 'y'), /Changed .*To undo: flm connect codex --undo/);
  alone(path);
});

test('files that are not safe to edit are refused and stay as they are', async (t) => {
  const { cli, put, path } = await fixtureOf(t);
  const refused = async (reason: RegExp): Promise<void> => {
    const ran = await cli.run('connect', 'codex', '--write', '--yes', '--json');
    assert.equal(ran.code, 1);
    const { error } = JSON.parse(ran.stderr) as { error: { code: string; message: string } };
    assert.equal(error.code, 'FILE_UNUSABLE');
    assert.match(error.message, reason);
    assert.equal(existsSync(join(cli.home, 'connect')), false);
  };
  const target = put('dotfiles/config.toml', mine);
  const file = path(codex);
  mkdirSync(dirname(file));

  symlinkSync(target, file);
  await refused(/symbolic link/);
  assert.equal(read(target), mine);
  unlinkSync(file);
  linkSync(target, file);
  await refused(/hard links/);
  unlinkSync(file);
  put(codex, mine, 0o444);
  await refused(/not writable/);
  assert.equal(read(file), mine);
  unlinkSync(file);
  mkdirSync(file);
  await refused(/is not a file/);
});

test('what does not parse, is no text or too large is refused and stays as it is', async (t) => {
  const { cli, put } = await fixtureOf(t);
  for (const [text, reason] of [
    ['model = \n', /line 1, column \d+ is no TOML/],
    ['model_providers = 3\n', /model_providers is not a table/],
    [`# ${'x'.repeat(1024 ** 2)}`, /larger than/],
  ] as const) {
    const path = put(codex, text);
    assertMistake(await cli.run('connect', 'codex', '--write', '--yes'), reason);
    assert.equal(read(path), text);
  }
  const path = put(codex, '');
  writeFileSync(path, Buffer.from([0x61, 0xff, 0xfe]));
  assertMistake(await cli.run('connect', 'codex', '--write', '--yes'), /not UTF-8/);
});

test('folders on the way are no links, and not open to everybody', async (t) => {
  const { cli, path } = await fixtureOf(t);
  const write = () => cli.run('connect', 'codex', '--write', '--yes');
  mkdirSync(path('real'));
  symlinkSync(path('real'), path('.codex'));
  assertMistake(await write(), /folder .*\.codex is a symbolic link/);
  assert.deepEqual(readdirSync(path('real')), []);
  unlinkSync(path('.codex'));
  mkdirSync(path('.codex'));
  chmodSync(path('.codex'), 0o777);
  assertMistake(await write(), /every user may write to its folder/);
  assert.deepEqual(readdirSync(path('.codex')), []);
});

test('a file of another user is refused', { skip: process.getuid?.() !== 0 && 'needs root' }, async (t) => {
  const { cli, put } = await fixtureOf(t);
  const path = put(codex, mine);
  chownSync(path, 12_345, 12_345);

  assertMistake(await cli.run('connect', 'codex', '--write', '--yes'), /belongs to another user/);
  assert.equal(read(path), mine);
});

test('--undo refuses a file that changed since, and names the copy', async (t) => {
  const { cli, put } = await fixtureOf(t);
  const path = put(codex, mine);
  const { file } = await written(cli, 'codex');
  const changed = `${read(path)}# mine again\n`;
  writeFileSync(path, changed);

  const ran = await cli.run('connect', 'codex', '--undo');

  assertMistake(ran, /changed since flm wrote it; the version before is in /);
  assert.ok(ran.stderr.includes(file.backup ?? 'no copy'));
  assert.equal(read(path), changed);
  unlinkSync(path);
  assertMistake(await cli.run('connect', 'codex', '--undo'), /changed since/);
  assert.equal(existsSync(path), false);
  writeFileSync(path, mine);
  assert.equal((await cli.run('connect', 'codex', '--undo')).code, 0);
});

test('several changes are undone one after the other, the newest first', async (t) => {
  const { cli, put } = await fixtureOf(t);
  const path = put(codex, mine);
  await written(cli, 'codex', '--model', 'one');
  const one = read(path);
  await written(cli, 'codex', '--model', 'two');

  assert.equal((await cli.run('connect', 'codex', '--undo')).code, 0);
  assert.equal(read(path), one);
  assert.equal((await cli.run('connect', 'codex', '--undo')).code, 0);
  assert.equal(read(path), mine);
});

test('line ends, a byte order mark and comments outlive writing and undoing', async (t) => {
  const { cli, put } = await fixtureOf(t);
  const before =
    '\uFEFF// mine\r\n{\r\n\t"theme": "dark", // really\r\n\t"language_models": {\r\n\t\t/* none */\r\n\t},\r\n}\r\n';
  const path = put('.config/zed/settings.json', before);

  await written(cli, 'zed');

  const after = read(path);
  assert.doesNotMatch(after, /[^\r]\n/);
  assert.match(
    after,
    /^\uFEFF\/\/ mine\r\n\{\r\n\t"theme": "dark", \/\/ really\r\n[\s\S]*\/\* none \*\/\r\n\t\t"openai_compatible"/,
  );
  assert.equal((await cli.run('connect', 'zed', '--undo')).code, 0);
  assert.equal(read(path), before);
});

test('variables move the folders of clients, and contradicting flags are reported', async (t) => {
  const cli = makeCli(t, { CODEX_HOME: '/nowhere/codex' });
  await startProxy(cli, '--demo');
  const path = join(cli.folder, 'elsewhere.toml');

  const { file } = await written(cli, 'codex', '--file', path);
  assert.equal(file.path, path);
  const usual = await cli.run('connect', 'codex', '--write');
  assert.match(usual.stdout, /^\/nowhere\/codex\/config\.toml$/m);
  assertMistake(await cli.run('connect', 'codex', '--write', '--undo'), /not both/);
  assertMistake(await cli.run('connect', 'codex', '--yes'), /need --write/);
  assertMistake(
    await cli.run('connect', 'codex', '--undo', '--new-key', 'x'),
    /can only be combined with --file/,
  );
});
