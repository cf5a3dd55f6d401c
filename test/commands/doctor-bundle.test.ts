/** `flm doctor --bundle` of the built program: what the file has, and that no secret of the machine is in it. */
import assert from 'node:assert/strict';
import { appendFileSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeCli } from '../helpers/cli.ts';
import { llamacppTable, startFakeEngine } from '../helpers/fake-engine.ts';
import { fill, smallDisk } from '../helpers/small-disk.ts';
import { createKey, startProxy } from '../helpers/start-proxy.ts';

const planted = {
  engineFile: 'engine-key-in-a-file-1',
  engineVariable: 'plain-words-of-2-engines',
  external: 'hmacOfTheWebsite_000000000000000003',
  hook: 'dns-api-word-4',
  database: 'pa%20ss-5/word',
  bearer: 'opaque.value.six',
  urlPassword: 'hunter-seven',
  query: 'value-eight',
  vendor: 'sk-proj-nine0000000000',
  jwt: 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMCJ9.c2lnbmF0dXJl',
  assignment: 'eleven-eleven',
  header: 'session=twelve',
  prompt: 'tell me about thirteen',
  hex: '14'.repeat(32),
};
const pem = '-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\n-----END PRIVATE KEY-----';

test('a support file says what the machine is like, and holds none of its secrets', async (t) => {
  const cli = makeCli(t, {
    ENGINE_WORD: planted.engineVariable,
    ENGINE_API_KEY: planted.engineVariable,
    SOME_DATABASE_URL: `postgres://flm:${encodeURIComponent(planted.database)}@db.example/flm`,
  });
  const engine = await startFakeEngine(llamacppTable);
  const second = await startFakeEngine(llamacppTable);
  t.after(() => Promise.all([engine.close(), second.close()]));
  const keyFile = join(cli.home, '..', `${cli.home.split('/').at(-1)}-engine.key`);
  const eabFile = `${keyFile}.eab`;
  writeFileSync(keyFile, `${planted.engineFile}\n`, { mode: 0o600 });
  writeFileSync(eabFile, planted.external, { mode: 0o600 });
  const ran = async (...words: readonly string[]): Promise<void> => {
    const { code, stderr } = await cli.run(...words);
    assert.equal(code, 0, stderr);
  };
  await ran('engine', 'add', engine.url, '--id', 'main', '--key-file', keyFile);
  await ran('engine', 'add', second.url, '--id', 'far', '--key-env', 'ENGINE_WORD');
  await ran(
    ...['profile', 'save', 'public', '--mode', 'https-acme', '--domain', 'llm.example.org'],
    ...['--acme-dns-hook', `/usr/bin/hook --word ${planted.hook}`, '--acme-eab-kid', 'kid'],
    ...['--acme-eab-key-file', eabFile],
  );
  await startProxy(cli);
  const { key } = await createKey(cli, 'anna');
  const lines = [
    { msg: 'a', authorization: `Bearer ${planted.bearer}`, cookie: planted.header },
    { msg: `asked https://user:${planted.urlPassword}@host/path?x=${planted.query}`, prompt: planted.prompt },
    { msg: `token ${planted.vendor} and ${planted.jwt}`, deep: { list: [{ text: key }] } },
    { msg: pem, env: `MY_PASSWORD=${planted.assignment}`, sum: planted.hex },
    { msg: `${planted.engineFile} ${encodeURIComponent(planted.engineVariable)} ${planted.database}` },
  ];
  const log = join(cli.home, 'logs', 'default.log');
  appendFileSync(log, `${lines.map((line) => JSON.stringify(line)).join('\n')}\n`);
  appendFileSync(log, `plain Bearer ${planted.bearer} password: ${planted.assignment}\n`);

  const file = join(cli.home, 'support.json');
  const told = await cli.run('doctor', '--bundle', file);

  assert.match(told.stderr, /The support file is .*support\.json\. Look at it/);
  const text = readFileSync(file, 'utf8');
  for (const [name, secret] of Object.entries({ ...planted, key, pem: 'MIGHAgEAMBMGByqGSM49' })) {
    assert.ok(!text.includes(secret), name);
    assert.ok(!text.includes(encodeURIComponent(secret)), name);
    assert.ok(!text.includes(Buffer.from(secret).toString('base64').slice(0, 16)), name);
  }
  if (process.platform !== 'win32') assert.equal(statSync(file).mode & 0o777, 0o600);
  const bundle = JSON.parse(text) as {
    version: string;
    report: { findings: object[] };
    configuration: { profiles: Record<string, { acme: { dnsHook: string } }>; keys: { label: string }[] };
    proxies: { engines: { id: string }[] }[];
    logs: Record<string, unknown[]>;
  };
  assert.ok(bundle.report.findings.length > 0);
  assert.equal(bundle.configuration.keys[0]?.label, 'anna');
  assert.equal(bundle.configuration.profiles.public?.acme.dnsHook, '(removed)');
  assert.deepEqual(bundle.proxies[0]?.engines.map(({ id }) => id).toSorted(), ['far', 'main']);
  assert.ok((bundle.logs.default?.length ?? 0) > 5);

  const again = await cli.run('doctor', '--bundle', file);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /support\.json cannot be written: the file exists\./);
  assert.equal(readFileSync(file, 'utf8'), text);
});

test('a machine whose data cannot be read has a support file with the reason', async (t) => {
  const cli = makeCli(t);
  await cli.run('key', 'create', 'anna');
  writeFileSync(join(cli.home, 'flm.db'), 'no database'.repeat(1_000));
  const file = join(cli.home, 'support.json');

  await cli.run('doctor', '--bundle', file);

  const bundle = JSON.parse(readFileSync(file, 'utf8')) as { report: { ok: boolean } };
  assert.equal(bundle.report.ok, false);
  assert.match(JSON.stringify(bundle), /STORE_CORRUPT/);
});

test('a full disk leaves no part of a support file, and the report is printed all the same', async (t) => {
  const disk = smallDisk(t);
  if (disk === undefined) return;
  const cli = makeCli(t);
  fill(disk);
  const file = join(disk, 'support.json');

  const ran = await cli.run('doctor', '--bundle', file);

  assert.equal(ran.code, 1);
  assert.match(ran.stdout, /data folder and disk/);
  assert.match(ran.stderr, /support\.json cannot be written: the disk is full\./);
  assert.equal(existsSync(file), false);
});
