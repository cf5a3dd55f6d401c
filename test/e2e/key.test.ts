import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
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
