import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { assertMistake, makeCli } from '../helpers/cli.ts';

interface Applied {
  readonly dryRun: boolean;
  readonly changes: readonly {
    kind: string;
    name: string;
    change: string;
    fields: string[];
    keyId?: string;
  }[];
  readonly unchanged: number;
  readonly warnings: readonly { reason: string; label: string }[];
}

test('a machine without a person: a file makes a key from a secret, and a running proxy accepts it at once', async (t) => {
  const cli = makeCli(t);
  const secret = randomBytes(24).toString('base64url');
  const secretFile = join(cli.folder, 'ci-secret');
  writeFileSync(secretFile, `${secret}\n`);
  const file = join(cli.folder, 'flm.yaml');
  writeFileSync(
    file,
    `profiles:\n  default:\n    port: 0\nkeys:\n  - label: ci\n    secret: { from: file, path: ${secretFile} }\n`,
  );
  const proxy = cli.start('proxy', 'run', '--json', '--port', '0');
  const [, url] = await proxy.saw(/"url":"([^"]+)"/);
  const ask = async (): Promise<number> => {
    const response = await fetch(`${url}/v1/models`, { headers: { authorization: `Bearer ${secret}` } });
    await response.arrayBuffer();
    return response.status;
  };
  assert.equal(await ask(), 401);

  const planned = await cli.run('apply', '-f', file, '--dry-run');
  assert.equal(planned.code, 0, planned.stderr);
  assert.match(
    planned.stdout,
    /^KIND +NAME +CHANGE\nprofile +default +would be created\nkey +ci +would be created\n$/,
  );
  assert.equal(await ask(), 401);

  const done = await cli.run('apply', '-f', file);
  assert.equal(done.code, 0, done.stderr);
  assert.match(done.stdout, /^key +ci +created \(key_\w{12}\)$/m);
  assert.match(
    done.stderr,
    /keeps running with its old settings; apply the new ones: `flm proxy restart px_/,
  );
  assert.equal(await ask(), 200);

  const again = await cli.run('apply', '-f', file, '--json');
  assert.deepEqual(again.json(), { dryRun: false, changes: [], unchanged: 2, warnings: [] });
  const pruned = await cli.pipe('keys: []\n', 'apply', '-f', '-', '--prune');
  assert.match(pruned.stdout, /^key +ci +revoked$/m);
  assert.equal(await ask(), 401);
});

test('an export goes to another machine as YAML or JSON, without a secret', async (t) => {
  const [from, to] = [makeCli(t), makeCli(t)];
  const { key } = (await from.run('key', 'create', 'ann', '--json')).json<{ key: string }>();
  // The rules of both are the same, and each is written out.
  await from.run('key', 'create', 'bob');
  await from.run('model', 'alias', 'gpt', 'llama3');
  await from.run('policy', 'set', '--rpm', '600');
  await from.run('profile', 'save', 'lab', '--port', '9000');

  const yaml = await from.run('export');
  const json = await from.run('export', '--json');
  assert.match(
    yaml.stdout,
    /^# yaml-language-server: \$schema=\.\/flm-apply\.schema\.json\n# .*flm apply --schema/,
  );
  assert.doesNotMatch(yaml.stdout, /[&*]a\d/);
  assert.ok(!`${yaml.stdout}${json.stdout}`.includes(key));

  const applied = await to.pipe(yaml.stdout, 'apply', '-f', '-', '--json');
  assert.deepEqual(
    applied.json<Applied>().changes.map(({ kind, name, change }) => `${change} ${kind} ${name}`),
    ['change policy policy', 'create profile lab', 'create key ann', 'create key bob', 'create alias gpt'],
  );
  assert.deepEqual((await to.pipe(json.stdout, 'apply', '-f', '-', '--json')).json<Applied>().changes, []);
  assert.deepEqual((await to.run('export')).stdout, yaml.stdout);
});

test('a file may have thousands of keys', async (t) => {
  const keys = Array.from({ length: 6_000 }, (_, i) => ({
    label: `person ${i}`,
    digest: `sha256:${i.toString(16).padStart(64, '0')}`,
    models: ['llama*'],
    requestsPerMinute: 60,
  }));
  const planned = await makeCli(t).pipe(JSON.stringify({ keys }), 'apply', '-f', '-', '--dry-run', '--json');
  assert.equal(planned.code, 0, planned.stderr);
  assert.equal(planned.json<Applied>().changes.length, keys.length);
});

test('faults of a file have their line and column, and nothing is changed', async (t) => {
  const cli = makeCli(t);
  const file = join(cli.folder, 'flm.yaml');
  writeFileSync(
    file,
    'aliases:\n  gpt: llama3\nkeys:\n  - label: ci\n    rpm: 3\nprofiles:\n  lab:\n    port: 90000\n',
  );
  const text = await cli.run('apply', '-f', file);
  assertMistake(text, /keys\.0\.rpm \(line 5, column 5\) is an unknown field/);
  assert.match(
    text.stderr,
    /keys\.0\.digest \(line 4, column 5\) is missing; allowed: either digest or secret/,
  );
  assert.match(text.stderr, /profiles\.lab\.port \(line 8, column 5\) is 90000; allowed: 65535 or less/);
  const { error } = JSON.parse((await cli.run('apply', '-f', file, '--json')).stderr) as {
    error: { code: string };
  };
  assert.equal(error.code, 'APPLY_INVALID');
  assert.deepEqual((await cli.run('export', '--json')).json<{ aliases: object }>().aliases, {});
});

test('apply without a file, or with one that cannot be read, is a mistake', async (t) => {
  const cli = makeCli(t);
  assertMistake(await cli.run('apply'), /flm apply -f FILE/);
  assertMistake(await cli.run('apply', '-f', 'none.yaml'), /none\.yaml cannot be read/);
  assertMistake(await cli.pipe('keys: [', 'apply', '-f', '-'), /no YAML/);
});

test('the example of the docs applies as it is printed', async (t) => {
  const cli = makeCli(t);
  const page = readFileSync(join(import.meta.dirname, '../../docs/automation.md'), 'utf8');
  const [, example = ''] = /```yaml\n(.*?)```/s.exec(page) ?? [];
  const secretFile = join(cli.folder, 'ci-key');
  writeFileSync(secretFile, randomBytes(24).toString('base64url'));
  const applied = await cli.pipe(
    example.replace('/run/secrets/ci-key', secretFile),
    ...['apply', '-f', '-', '--json'],
  );
  assert.equal(applied.code, 0, applied.stderr);
  assert.equal(applied.json<Applied>().changes.length, 6);
});

test('the schema of a file is printed by the program itself', async (t) => {
  const kept = join(import.meta.dirname, '../../docs/schema/apply.schema.json');
  const printed = await makeCli(t).run('apply', '--schema');
  assert.deepEqual(printed.json(), JSON.parse(readFileSync(kept, 'utf8')));
});

test('a policy of a file that would block every key needs --yes', async (t) => {
  const cli = makeCli(t);
  const file = 'policy:\n  denyIps: [0.0.0.0/0, "::/0"]\n';
  assertMistake(await cli.pipe(file, 'apply', '-f', '-'), /--yes/);
  assert.equal((await cli.pipe(file, 'apply', '-f', '-', '--yes')).code, 0);
});
