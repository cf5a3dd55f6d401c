/** `flm audit`: who changed what, for people and for programs, and the check that nobody edited it. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { parseCsv } from '../../src/core/csv.ts';
import { makeCli, type TestCli } from '../helpers/cli.ts';
import { startProxy } from '../helpers/start-proxy.ts';

interface Entries {
  readonly entries: readonly {
    readonly action: string;
    readonly actor: string;
    readonly source: string;
    readonly subjectLabel: string | null;
    readonly seq: number;
  }[];
}

interface Check {
  readonly ok: boolean;
  readonly chains: readonly {
    readonly chain: string;
    readonly entries: number;
    readonly head: string;
    readonly fault: { readonly kind: string; readonly seq: number } | null;
  }[];
}

async function ok(cli: TestCli, ...args: readonly string[]) {
  const ran = await cli.run(...args);
  assert.equal(ran.code, 0, `flm ${args.join(' ')}: ${ran.stderr}`);
  return ran;
}

function edit(cli: TestCli, sql: string): void {
  const db = new DatabaseSync(join(cli.home, 'flm.db'));
  db.exec(sql);
  db.close();
}

test('the audit shows who changed what, what was before and after, and from where', async (t) => {
  const cli = makeCli(t);
  await ok(cli, 'key', 'create', 'laptop');
  await ok(cli, 'policy', 'set', '--rpm', '60');
  await ok(cli, 'policy', 'set', '--rpm', '30');
  const file = join(cli.folder, 'flm.yaml');
  writeFileSync(file, 'version: 1\naliases:\n  fast: llama3\n');
  await ok(cli, 'apply', '-f', file);
  await ok(cli, 'key', 'revoke', 'laptop');

  const { stdout } = await ok(cli, 'audit');
  const rows = stdout.trimEnd().split('\n').slice(1);
  assert.deepEqual(
    rows.map((row) => /(?:command line|flm apply) +(\S+)/.exec(row)?.[1]),
    ['key.create', 'policy.set', 'policy.set', 'alias.set', 'apply', 'key.revoke'],
    stdout,
  );
  assert.match(rows[2] ?? '', /cli:\w+ .*command line .*policy +requestsPerMinute: 60 -> 30$/);
  assert.match(rows[3] ?? '', /flm apply/);
  assert.match(rows[5] ?? '', /laptop +revokedAt: \d{4}-/);

  const { entries } = (await ok(cli, 'audit', '--json', '--subject', 'laptop')).json<Entries>();
  assert.deepEqual(
    entries.map(({ action, source, subjectLabel, seq }) => [action, source, subjectLabel, seq]),
    [
      ['key.create', 'cli', 'laptop', 1],
      ['key.revoke', 'cli', 'laptop', 6],
    ],
  );
  const csv = await ok(cli, 'audit', '--csv', '--action', 'policy', '--limit', '1');
  const [, row] = parseCsv(csv.stdout).rows;
  assert.equal(row?.fields[3], 'policy.set');
  assert.equal(JSON.parse(row?.fields[7] ?? '').requestsPerMinute, 30);
  assert.match(csv.stderr, /^$/);
  assert.match((await ok(cli, 'audit', '--limit', '2')).stderr, /newest 2 entries/);
  assert.match((await ok(cli, 'audit', '--until', '1d')).stdout, /^No entry/);
  assert.equal((await ok(cli, 'audit', '--since', '1d', '--actor', 'cli')).stdout, stdout);
});

test('what is no time, number or head is refused with its flag', async (t) => {
  const cli = makeCli(t);
  for (const args of [
    ['--since', 'yesterday'],
    ['--since', '2026-02-30'],
    ['--since', '1d', '--until', '2d'],
    ['--limit', '0'],
    ['--json', '--csv'],
    ['verify', '--head', 'changes_1'],
    ['verify', '--heads-in', '/no/such/file'],
  ]) {
    const ran = await cli.run('audit', ...args);
    assert.equal(ran.code, 1, args.join(' '));
    assert.match(
      ran.stderr,
      args.includes('/no/such/file')
        ? /no\/such/
        : new RegExp(args[0] === 'verify' ? '--head' : String(args[0])),
    );
  }
});

test('an edit of the database is found, and the exit status is 1', async (t) => {
  const cli = makeCli(t);
  for (const label of ['a', 'b', 'c']) await ok(cli, 'key', 'create', label);
  const sound = await ok(cli, 'audit', 'verify');
  assert.match(
    sound.stdout,
    /changes: 3 entries, all as flm wrote them\n {2}head: changes_3_v1_[0-9a-f]{64}\n/,
  );
  const head = /changes_3_\w+/.exec(sound.stdout)?.[0] ?? '';
  edit(cli, "UPDATE audit SET actor = 'cli:mallory' WHERE seq = 2");
  const found = await cli.run('audit', 'verify');
  assert.equal(found.code, 1);
  assert.match(
    found.stdout,
    /changes: Entry 2 was changed.*cli:mallory {2}key\.create.*1 entry before it fit/s,
  );
  edit(
    cli,
    `DELETE FROM audit WHERE seq > 1;
     UPDATE audit_chain SET head_seq = 1, head_hash = (SELECT hash FROM audit)`,
  );
  assert.equal((await cli.run('audit', 'verify')).code, 0);
  const against = await cli.run('audit', 'verify', '--head', head, '--json');
  assert.equal(against.code, 1);
  const { ok: isOk, chains } = against.json<Check>();
  assert.deepEqual([isOk, chains[0]?.fault], [false, { kind: 'beyond', seq: 2, entry: null }]);
});

test('a proxy writes the heads of the audit to its log, and the audit is compared with all of them', async (t) => {
  const cli = makeCli(t);
  await ok(cli, 'key', 'create', 'laptop');
  await startProxy(cli, '--demo');
  const folder = join(cli.home, 'logs');
  const log = () =>
    readdirSync(folder)
      .map((name) => readFileSync(join(folder, name), 'utf8'))
      .join('');
  while (!log().includes('"audit head"')) await new Promise((resolve) => setImmediate(resolve));
  const copy = join(cli.folder, 'copy.log');
  writeFileSync(copy, log());
  await ok(cli, 'proxy', 'stop');
  await ok(cli, 'audit', 'verify', '--heads-in', copy);
  // All hashes are made again, as an owner of the machine can do it.
  edit(cli, `DELETE FROM audit; UPDATE audit_chain SET head_seq = 0, head_hash = ''`);
  await ok(cli, 'key', 'create', 'other');
  await ok(cli, 'audit', 'verify');
  const found = await cli.run('audit', 'verify', '--heads-in', copy);
  assert.equal(found.code, 1);
  assert.match(found.stdout, /Entry 1 is not the one of the given head/);
  const empty = join(cli.folder, 'empty.log');
  writeFileSync(empty, 'nothing\n');
  assert.match((await cli.run('audit', 'verify', '--heads-in', empty)).stderr, /There is no head/);
});
