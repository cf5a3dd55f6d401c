/** External account binding (RFC 8555, section 7.3.4) against Pebble. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { assertMistake, makeCli, type TestCli } from '../helpers/cli.ts';
import { noPebble, type Pebble, startPebble } from '../helpers/pebble.ts';

const kid = 'kid-of-the-website';
const key = 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W';

interface Fixture {
  readonly cli: TestCli;
  readonly pebble: Pebble;
  readonly flags: readonly string[];
}

async function fixtureOf(t: TestContext): Promise<Fixture> {
  const pebble = await startPebble(t, { externalKeys: { [kid]: key } });
  const cli = makeCli(t, { PATH: process.env.PATH, EAB_KEY: key, EAB_WRONG: `${key}!` });
  const flags = [
    ...[
      '--mode',
      'https-acme',
      '--bind',
      '127.0.0.1',
      '--port',
      '0',
      '--demo',
      '--domain',
      'llm.example.org',
    ],
    ...['--acme-directory', pebble.directory, '--acme-ca', pebble.caFile, '--acme-accept-terms'],
    ...['--acme-dns-hook', pebble.dnsHook],
  ];
  return { cli, pebble, flags };
}

function filesWith(folder: string, text: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => readFileSync(file, 'latin1').includes(text));
}

test('an account of the website is bound once; later orders use the account without its key', {
  skip: noPebble,
}, async (t) => {
  const { cli, flags } = await fixtureOf(t);
  const keyFile = join(cli.home, '..', 'eab.key');
  writeFileSync(keyFile, `${key}\n`, { mode: 0o600 });
  t.after(() => rmSync(keyFile, { force: true }));
  const external = ['--acme-eab-kid', kid, '--acme-eab-key-file', keyFile];

  const first = await cli.run('proxy', 'start', ...flags, ...external, '--json');
  assert.equal(first.code, 0, first.stderr);
  rmSync(keyFile);

  const renewed = await cli.run('cert', 'renew', '--json');
  assert.equal(renewed.code, 0, renewed.stderr);
  await cli.run('proxy', 'stop');
  const other = await cli.run('proxy', 'start', ...flags, ...external, '--domain', 'b.example.org');
  assert.equal(other.code, 0, other.stderr);
  await cli.run('proxy', 'stop');
  assert.deepEqual(filesWith(cli.home, key), []);
});

test('the key may come from an environment variable', { skip: noPebble }, async (t) => {
  const { cli, flags } = await fixtureOf(t);
  const external = ['--acme-eab-kid', kid, '--acme-eab-key-env', 'EAB_KEY'];
  const started = await cli.run('proxy', 'start', ...flags, ...external, '--json');
  assert.equal(started.code, 0, started.stderr);
  assert.deepEqual(filesWith(cli.home, key), []);
});

test('a missing, unreadable or wrong key is reported, and never shown', { skip: noPebble }, async (t) => {
  const { cli, flags } = await fixtureOf(t);
  const refused = async (sentence: RegExp, ...more: readonly string[]): Promise<void> => {
    const ran = await cli.run('proxy', 'start', ...flags, ...more);
    assertMistake(ran, sentence);
    assert.ok(!ran.stderr.includes(key));
  };
  await refused(/requires an account created on its website.*\n.*--acme-eab-kid/);
  await refused(
    /the key of the external account cannot be read from the variable NOWHERE/,
    ...['--acme-eab-kid', kid, '--acme-eab-key-env', 'NOWHERE'],
  );
  await refused(
    /cannot be read from the file \/nowhere\/eab\.key/,
    ...['--acme-eab-kid', kid, '--acme-eab-key-file', '/nowhere/eab.key'],
  );
  await refused(
    /the text in the variable EAB_WRONG is no HMAC key in base64url/,
    ...['--acme-eab-kid', kid, '--acme-eab-key-env', 'EAB_WRONG'],
  );
  await refused(/it refused the account/, ...['--acme-eab-kid', 'another', '--acme-eab-key-env', 'EAB_KEY']);
});
