/** `flm doctor` of the built program: a machine without faults, with faults, and one whose data cannot be read. */
import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeCli } from '../helpers/cli.ts';
import { llamacppTable, startFakeEngine } from '../helpers/fake-engine.ts';
import { freePort } from '../helpers/free-ports.ts';
import { createKey, startProxy } from '../helpers/start-proxy.ts';

interface Report {
  readonly ok: boolean;
  readonly counts: Readonly<Record<string, number>>;
  readonly checks: readonly { readonly name: string; readonly state: string }[];
  readonly findings: readonly {
    readonly code: string;
    readonly severity: string;
    readonly subject: string | null;
    readonly message: string;
    readonly command: string;
  }[];
}

const codes = ({ findings }: Report): readonly string[] => findings.map(({ code }) => code);

test('a machine without faults exits with 0, and says what is worth knowing', async (t) => {
  const cli = makeCli(t);
  await startProxy(cli, '--demo');
  await createKey(cli, 'anna', '--rpm', '60', '--expires', '90d');

  const told = await cli.run('doctor');
  const report = await cli.run('doctor', '--json');

  assert.equal(told.code, 0, told.stdout);
  assert.match(told.stdout, /Nothing is wrong, 1 notice\.\n$/);
  assert.equal(report.code, 0);
  const { ok, findings, checks } = report.json<Report>();
  assert.equal(ok, true);
  assert.deepEqual(
    findings.map(({ code, command }) => [code, command]),
    [['ONLY_DEMO', 'flm engine detect']],
  );
  assert.ok(checks.every(({ state }) => state === 'ok' || state === 'notice'));
});

test('each fault is named with the command that fixes it, and the exit status is 1', async (t) => {
  const cli = makeCli(t);
  const engine = await startFakeEngine(llamacppTable);
  await cli.run('engine', 'add', engine.url, '--id', 'main');
  await cli.run('policy', 'set', '--trusted-proxy', '0.0.0.0/0');
  await createKey(cli, 'anna');
  await engine.close();

  const told = await cli.run('doctor');
  const ran = await cli.run('doctor', '--json');

  assert.equal(ran.code, 1);
  const report = ran.json<Report>();
  assert.deepEqual(codes(report), [
    'ENGINE_DOWN',
    'TRUSTED_PROXIES_OPEN',
    'NO_PROXY',
    'KEYS_UNLIMITED',
    'KEYS_WITHOUT_EXPIRY',
  ]);
  for (const { command } of report.findings) assert.ok(told.stdout.includes(`\n  ${command}\n`), command);
  assert.equal(told.code, 1);
  assert.match(told.stdout, /2 errors, 1 warning, 2 notices\.\n$/);
});

test('a folder that others may enter, a damaged database and wrong settings are findings', async (t) => {
  const cli = makeCli(t);
  await cli.run('key', 'create', 'anna');
  chmodSync(cli.home, 0o755);
  const open = await cli.run('doctor', '--json');
  chmodSync(cli.home, 0o700);
  const inFile = await makeCli(t, { FLM_HOME: join(cli.home, 'flm.db') }).run('doctor', '--json');
  writeFileSync(join(cli.home, 'flm.db'), 'no database'.repeat(1_000));
  const damaged = await cli.run('doctor', '--json');
  const wrong = await makeCli(t, { FLM_VALKEY_URL: 'nonsense' }).run('doctor', '--json');

  assert.deepEqual([open.code, damaged.code, wrong.code], [1, 1, 1]);
  const unsafe = open.json<Report>();
  assert.deepEqual(codes(unsafe), ['HOME_UNSAFE']);
  assert.equal(unsafe.findings[0]?.command, `chmod 700 ${cli.home}`);
  assert.ok(unsafe.checks.slice(1).every(({ state }) => state === 'skipped'));
  assert.deepEqual(
    inFile.json<Report>().findings.map(({ code, command }) => [code, command]),
    [['SYSTEM_REFUSED', 'flm explain SYSTEM_REFUSED']],
  );
  assert.ok(codes(damaged.json<Report>()).includes('STORE_CORRUPT'), damaged.stdout);
  assert.ok(codes(wrong.json<Report>()).includes('STORE_SETTINGS_INVALID'), wrong.stdout);
});

test('profiles for all addresses that share a free port hold it from nobody', async (t) => {
  const cli = makeCli(t);
  const port = await freePort();
  for (const name of ['a', 'b'])
    await cli.run('profile', 'save', name, '--mode', 'dev-selfsigned', '--port', String(port), '--demo');

  const report = (await cli.run('doctor', '--json')).json<Report>();

  assert.deepEqual(
    codes(report).filter((code) => code === 'PORT_HELD'),
    [],
  );
});

test('a server of shared limits that does not answer is an error', async (t) => {
  const cli = makeCli(t, { FLM_VALKEY_URL: 'redis://127.0.0.1:1' });

  const report = (await cli.run('doctor', '--json')).json<Report>();

  assert.ok(codes(report).includes('LIMITER_UNREACHABLE'));
});
