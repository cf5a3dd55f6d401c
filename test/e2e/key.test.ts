import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { assertMistake, makeCli } from '../helpers/cli.ts';
import { createKey } from '../helpers/start-proxy.ts';

interface Key {
  readonly id: string;
  readonly label: string;
  readonly key?: string;
  readonly prefix: string;
  readonly scopes: readonly string[];
  readonly models: readonly string[];
  readonly limits: { readonly requestsPerMinute: number | null };
  readonly expiresAt: string | null;
  readonly revokedAt: string | null;
}

test('a key is shown whole once, and then never again', async (t) => {
  const cli = makeCli(t);

  const text = await cli.run('key', 'create', 'laptop');
  const json = await cli.run(
    'key',
    'create',
    'ci',
    '--model',
    'qwen*',
    '--rpm',
    '60',
    '--expires',
    '90d',
    '--json',
  );

  assert.match(text.stdout, /^flm_[0-9A-Za-z]{49}\n$/);
  assert.match(text.stderr, /^Key key_\w+ for laptop\. Save it now/);
  const created = json.json<Key>();
  assert.match(created.key ?? '', /^flm_[0-9A-Za-z]{49}$/);
  assert.deepEqual([created.models, created.limits.requestsPerMinute], [['qwen*'], 60]);
  const secrets = [text.stdout.trim(), created.key ?? ''];
  for (const args of [
    ['key', 'list'],
    ['key', 'list', '--json'],
    ['key', 'show', 'ci'],
    ['key', 'show', created.id, '--json'],
    ['key', 'revoke', 'ci'],
    ['key', 'revoke', 'ci', '--json'],
    ['key', 'delete', 'ci', '--yes'],
  ]) {
    const ran = await cli.run(...args);
    assert.equal(ran.code, 0, ran.stderr);
    for (const secret of secrets) assert.ok(!(ran.stdout + ran.stderr).includes(secret), args.join(' '));
  }
});

test('a rotated key gives a new secret with the same rules', async (t) => {
  const cli = makeCli(t);
  const old = await createKey(cli, 'laptop', '--scope', 'metrics');

  const fresh = (await cli.run('key', 'rotate', 'laptop', '--json')).json<Key>();

  assert.notEqual(fresh.key, old.key);
  assert.deepEqual([fresh.label, fresh.scopes], ['laptop', ['metrics']]);
  const { keys } = (await cli.run('key', 'list', '--json')).json<{ keys: Key[] }>();
  assert.deepEqual(
    keys.map((k) => [k.id, k.revokedAt === null]),
    [
      [old.id, false],
      [fresh.id, true],
    ],
  );
});

test('a request for a key with faults makes none, and names them all', async (t) => {
  const cli = makeCli(t);

  const faults = await cli.run('key', 'create', ' ', '--scope', 'all', '--ip', 'x', '--rpm', '0');

  assertMistake(faults, /scopes\.0/);
  for (const field of ['label', 'addresses.0', 'requestsPerMinute'])
    assert.match(faults.stderr, new RegExp(field));
  assertMistake(await cli.run('key', 'create', 'a', '--expires', 'soon'), /--expires takes a span/);
  assertMistake(await cli.run('key', 'create', 'a', '--expires', '2027-02-30'), /--expires takes a span/);
  assertMistake(await cli.run('key', 'create', 'a', '--expires', '2020-01-01'), /in the past/);
  assertMistake(await cli.run('key', 'rotate', 'nobody'), /There is no key nobody/);
  assertMistake(await cli.run('key', 'rotate', 'nobody', '--overlap', '5'), /--overlap takes a span/);
  assertMistake(await cli.run('key', 'show', 'nobody'), /There is no key nobody/);
  assert.deepEqual((await cli.run('key', 'list', '--json')).json(), { keys: [] });
  assert.match((await cli.run('key', 'list')).stdout, /There are no keys\. Make one/);
});

test('an import without a secret says where the secret comes from', async (t) => {
  const cli = makeCli(t);

  assertMistake(await cli.run('key', 'import', 'old'), /No secret came on standard input/);
});

test('a key is deleted only when that is said', async (t) => {
  const cli = makeCli(t);
  const { id } = await createKey(cli, 'laptop');

  assertMistake(await cli.run('key', 'delete', 'laptop'), /Run the command again with --yes to confirm/);
  assert.deepEqual((await cli.run('key', 'delete', 'laptop', '--yes', '--json')).json(), {
    id,
    deleted: true,
  });
});

test('a secret that clients have already comes in on standard input, and is not said again', async (t) => {
  const cli = makeCli(t);
  const secret = `sk-${randomBytes(32).toString('base64url')}`;

  const imported = await cli.pipe(`${secret}\n`, 'key', 'import', 'old', '--json');
  const list = await cli.run('key', 'list', '--json');

  assert.equal(imported.code, 0, imported.stderr);
  assert.equal(imported.json<Key>().label, 'old');
  assert.equal(list.json<{ keys: Key[] }>().keys.length, 1);
  for (const { stdout, stderr } of [imported, list]) assert.ok(!(stdout + stderr).includes(secret));
});

test('keys have an owner and a note, and the list is narrowed by them', async (t) => {
  const cli = makeCli(t);
  const ok = async (...args: readonly string[]) => {
    const ran = await cli.run(...args);
    assert.equal(ran.code, 0, ran.stderr);
    return ran;
  };
  await ok('key', 'create', 'laptop', '--owner', 'Ann Lee', '--note', 'until her thesis');
  await ok('key', 'create', 'ci');
  const shown = await ok('key', 'show', 'laptop');
  assert.match(shown.stdout, /owner +Ann Lee\n/);
  assert.match(shown.stdout, /note +until her thesis\n/);
  assert.match((await ok('key', 'list')).stdout, /OWNER/);
  const listed = async (...flags: readonly string[]) =>
    (await ok('key', 'list', '--json', ...flags)).json<{ keys: readonly Key[] }>().keys.map((k) => k.label);
  assert.deepEqual(await listed('--owner', 'ann lee'), ['laptop']);
  assert.deepEqual(await listed('--search', 'thesis'), []);
  assert.deepEqual(await listed('--state', 'paused'), []);
  await ok('key', 'set', 'ci', '--owner', 'Bo');
  await ok('key', 'set', 'laptop', '--clear', 'owner', '--clear', 'note');
  assert.deepEqual(await listed('--owner', 'Bo'), ['ci']);
  const rotated = (await ok('key', 'rotate', 'ci', '--json')).json<Key & { owner: string }>();
  assert.equal(rotated.owner, 'Bo');
  assertMistake(await cli.run('key', 'list', '--state', 'gone'), /Allowed choices are active, paused/);
});

test('a CSV file makes one key for each line, and one wrong line makes none', async (t) => {
  const cli = makeCli(t);
  const file = join(dirname(cli.home), 'people.csv');
  writeFileSync(file, 'label,owner,rpm,expires\nann,=Ann,60,90d\nbob,Bob,many,\nann,,,\n');
  const refused = await cli.run('key', 'import', file);
  assertMistake(refused, /rpm \(line 3\) is "many"; allowed: a number/);
  assert.match(refused.stderr, /label \(line 4\) is "ann"; allowed: a label that line 2 does not have/);
  assert.match((await cli.run('key', 'list')).stdout, /There are no keys/);

  writeFileSync(file, 'label,owner,rpm,expires\nann,=Ann,60,90d\nbob,Bob,,\n');
  const created = await cli.run('key', 'import', file);
  assert.equal(created.code, 0, created.stderr);
  assert.match(created.stderr, /Created 2 keys\. Save the secrets now/);
  assert.match(
    created.stdout,
    /^label,owner,id,secret\r\nann,'=Ann,key_\w{12},flm_\w{49}\r\nbob,Bob,key_\w{12},flm_\w{49}\r\n$/,
  );
  const csv = await cli.run('key', 'list', '--csv');
  assert.match(csv.stdout, /,active,ann,'=Ann,,inference,,,,,60,,,,,20/);
  assert.doesNotMatch(csv.stdout, /flm_\w{10}/);
  assertMistake(await cli.run('key', 'import', file, '--rpm', '5'), /give the rules in its columns/);
  const taken = await cli.run('key', 'import', file, '--json');
  assert.match(taken.stdout + taken.stderr, /label \(line 2\).*no other active key has/);
});
