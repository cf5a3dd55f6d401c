import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { assertMistake, makeCli } from '../helpers/cli.ts';

interface Profile {
  readonly name: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly running: readonly string[];
}

test('settings are saved under a name, on top of what is saved there', async (t) => {
  const cli = makeCli(t);

  const first = await cli.run('profile', 'save', 'lab', '--port', '9000', '--grace', '5');
  const second = await cli.run('profile', 'save', 'lab', '--port', '9001', '--json');

  assert.equal(first.stdout, 'Saved profile lab.\n');
  assert.deepEqual(second.json<Profile>().config, { port: 9001, graceMs: 5000 });
  const list = await cli.run('profile', 'list', '--json');
  assert.deepEqual(
    list.json<{ profiles: Profile[] }>().profiles.map((p) => p.name),
    ['lab'],
  );
  assert.match(
    (await cli.run('profile', 'list')).stdout,
    /^NAME +RUNNING +SAVED +SETTINGS\nlab +no .*port 9001/,
  );
});

test('a profile is shown with the defaults of what it leaves out, and where each value is from', async (t) => {
  const cli = makeCli(t);
  await cli.run('profile', 'save', 'lab', '--port', '9000');

  const text = await cli.run('profile', 'show', 'lab');
  const json = await cli.run('profile', 'show', 'lab', '--json');

  assert.match(text.stdout, /^port +9000 +profile$/m);
  assert.match(text.stdout, /^graceMs +30000 +default$/m);
  const { config, effective } = json.json<{ config: object; effective: { port: number; graceMs: number } }>();
  assert.deepEqual(config, { port: 9000 });
  assert.deepEqual([effective.port, effective.graceMs], [9000, 30_000]);
});

test('the default profile can be shown though nothing is saved', async (t) => {
  const shown = await makeCli(t).run('profile', 'show');

  assert.equal(shown.code, 0, shown.stderr);
  assert.match(shown.stdout, /^saved +never$/m);
});

test('a profile that goes out as YAML and comes in under another name is the same', async (t) => {
  const cli = makeCli(t);
  await cli.run('profile', 'save', 'lab', '--port', '9000', '--engine', 'http://127.0.0.1:8000');

  const file = join(cli.folder, 'lab.yaml');
  const exported = await cli.run('profile', 'export', 'lab');
  writeFileSync(file, exported.stdout);
  const imported = await cli.run('profile', 'import', file, '--name', 'copy', '--json');
  const asJson = await cli.run('profile', 'export', 'copy', '--json');
  const again = await cli.pipe(asJson.stdout, 'profile', 'import', '-', '--name', 'third', '--json');

  assert.match(
    exported.stdout,
    /^# yaml-language-server: \$schema=\.\/flm-profile\.schema\.json\n# Editors .*flm profile schema.*\nname: lab\n/,
  );
  const config = { port: 9000, engines: [{ url: 'http://127.0.0.1:8000' }] };
  assert.deepEqual(imported.json<Profile>().config, config);
  assert.deepEqual(again.json<Profile>().config, config);
});

test('the default profile can be exported before it was ever saved, and imported', async (t) => {
  const cli = makeCli(t);
  const exported = await cli.run('profile', 'export');
  assert.match(exported.stdout, /^name: default$/m);
  assert.equal((await cli.pipe(exported.stdout, 'profile', 'import', '-')).code, 0);
});

test('the schemas that exported files name are printed by the program itself', async (t) => {
  const cli = makeCli(t);
  for (const [what, ...command] of [
    ['profile', 'profile', 'schema'],
    ['policy', 'policy', 'schema'],
  ]) {
    const printed = (await cli.run(...command)).json<{ $schema: string; properties: object }>();
    const kept = join(import.meta.dirname, `../../docs/schema/${what}.schema.json`);
    assert.deepEqual(printed, JSON.parse(readFileSync(kept, 'utf8')));
  }
});

test('all faults of a file are reported at once, with line and column, and nothing is saved', async (t) => {
  const cli = makeCli(t);
  const file = join(cli.folder, 'lab.yaml');
  writeFileSync(file, 'name: lab\nport: 90000\nlimits:\n  maxBodyBytes: 1\n  typo: 3\nengines:\n  - id: a\n');

  const text = await cli.run('profile', 'import', file);
  const json = await cli.run('profile', 'import', file, '--json');

  assertMistake(text, /port \(line 2, column 1\) is 90000; allowed: 65535 or less/);
  assert.match(text.stderr, /limits\.maxBodyBytes \(line 4, column 3\) is 1/);
  assert.match(text.stderr, /limits\.typo \(line 5, column 3\) is an unknown field/);
  assert.match(text.stderr, /engines\.0\.url \(line 7, column 5\) is missing/);
  const { error } = JSON.parse(json.stderr) as { error: { code: string; faults: { line: number }[] } };
  assert.equal(error.code, 'PROFILE_INVALID');
  assert.deepEqual(
    error.faults.map((f) => f.line),
    [2, 4, 5, 7],
  );
  assert.deepEqual((await cli.run('profile', 'list', '--json')).json(), { profiles: [] });
});

test('what is no YAML, no text, no mapping, or not there is refused', async (t) => {
  const cli = makeCli(t);
  await cli.run('profile', 'save', 'lab', '--port', '9000');
  const binary = join(cli.folder, 'binary');
  writeFileSync(binary, Buffer.from([0xff, 0xfe, 0x00]));

  assertMistake(
    await cli.pipe('a: [1', 'profile', 'import', '-', '--name', 'lab'),
    /the file \(line 1, column/,
  );
  assertMistake(
    await cli.pipe('port: 1\nport: 2', 'profile', 'import', '-', '--name', 'lab'),
    /line 2, column 1/,
  );
  assertMistake(await cli.pipe('', 'profile', 'import', '-', '--name', 'lab'), /is null/);
  assertMistake(await cli.pipe('port: 1', 'profile', 'import', '-'), /name is missing/);
  assertMistake(await cli.run('profile', 'import', binary, '--name', 'lab'), /it is not UTF-8 text/);
  assertMistake(
    await cli.run('profile', 'import', 'nowhere.yaml'),
    /nowhere\.yaml cannot be read: there is none/,
  );
  assert.deepEqual((await cli.run('profile', 'show', 'lab', '--json')).json<Profile>().config, {
    port: 9000,
  });
});

test('flags that make no sense save nothing', async (t) => {
  const cli = makeCli(t);

  assertMistake(await cli.run('profile', 'save', 'Lab!', '--port', '1'), /name is "Lab!"/);
  const faults = await cli.run('profile', 'save', 'lab', '--port', 'x', '--bind', '10.0.0.1');
  assertMistake(faults, /--port is "x"; allowed: a number/);
  assert.match(faults.stderr, /--bind is "10\.0\.0\.1"; allowed: a loopback address/);
  assert.deepEqual((await cli.run('profile', 'list', '--json')).json(), { profiles: [] });
});

test('a profile is deleted only when that is said', async (t) => {
  const cli = makeCli(t);
  await cli.run('profile', 'save', 'lab');

  assertMistake(
    await cli.run('profile', 'delete', 'lab'),
    /This deletes profile lab\. Run the command again with --yes/,
  );
  const deleted = await cli.run('profile', 'delete', 'lab', '--yes', '--json');

  assert.deepEqual(deleted.json(), { name: 'lab', deleted: true });
  assertMistake(await cli.run('profile', 'show', 'lab'), /no profile named lab/);
  assertMistake(await cli.run('profile', 'delete', 'lab', '--yes'), /no profile named lab/);
});

test('a proxy that runs is named where its profile changes under it', async (t) => {
  const cli = makeCli(t);
  await cli.run('profile', 'save', 'lab', '--port', '0');
  const { id } = (await cli.run('proxy', 'start', 'lab', '--json')).json<{ id: string }>();

  const saved = await cli.run('profile', 'save', 'lab', '--grace', '1', '--json');

  assert.deepEqual(saved.json<Profile>().running, [id]);
  assert.match(saved.stderr, new RegExp(`flm proxy restart ${id}`));
});

test('a file of ten thousand unknown fields is refused with fifty of them and the number of the others', async (t) => {
  const cli = makeCli(t);
  const file = join(cli.folder, 'many.yaml');
  writeFileSync(file, Array.from({ length: 10_000 }, (_, i) => `k${i}: 1`).join('\n'));

  for (const command of [
    ['profile', 'import', file],
    ['policy', 'set', '--file', file],
  ]) {
    const text = await cli.run(...command);
    const json = await cli.run(...command, '--json');

    assert.equal(text.code, 1);
    assert.match(text.stderr, /\n {2}k49 \(line 50, column 1\) is an unknown field.*\n {2}and 9950 more\n/);
    const { error } = JSON.parse(json.stderr) as { error: { faults: unknown[]; moreFaults: number } };
    assert.equal(error.faults.length, 50);
    assert.equal(error.moreFaults, 9_950);
  }
});

test('input that is too large is refused before it is read whole, from a file or from standard input', async (t) => {
  const cli = makeCli(t);
  for (const command of [
    ['profile', 'import', '/dev/zero'],
    ['policy', 'set', '--file', '/dev/zero'],
  ]) {
    const refused = await cli.run(...command);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /The file \/dev\/zero cannot be read: it is larger than 1048576 bytes\./);
  }
  const large = 'x'.repeat(2 * 1024 ** 2);
  for (const [command, limit] of [
    [['profile', 'import', '-'], 1_048_576],
    [['key', 'import', 'old'], 65_536],
    [['engine', 'add', 'http://127.0.0.1:1', '--key-stdin'], 65_536],
  ] as const) {
    const refused = await cli.pipe(large, ...command);
    assert.equal(refused.code, 1, refused.stderr);
    assert.match(refused.stderr, new RegExp(`The file standard input .* larger than ${limit} bytes`));
  }
});
