/** `flm backup` of the built program: one file, while proxies run and keys change, and every refusal. */
import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { memberOf, packBackup } from '../../src/archive/pack.ts';
import { unpackBackup } from '../../src/archive/unpack.ts';
import { assertMistake, makeCli, noTerminal, type TestCli } from '../helpers/cli.ts';
import { createKey, startProxy } from '../helpers/start-proxy.ts';

interface Created {
  readonly file: string;
  readonly encrypted: boolean;
  readonly counts: Readonly<Record<string, number>>;
  readonly removed: readonly string[];
}

async function create(cli: TestCli, ...flags: readonly string[]): Promise<Created> {
  const made = await cli.run('backup', 'create', '--json', ...flags);
  assert.equal(made.code, 0, made.stderr);
  return made.json<Created>();
}

async function verified(cli: TestCli, file: string, ...flags: readonly string[]): Promise<Created> {
  const found = await cli.run('backup', 'verify', file, '--json', ...flags);
  assert.equal(found.code, 0, found.stderr);
  return found.json<Created>();
}

/** Nothing of an unfinished backup or verification is left. */
function assertTidy(cli: TestCli): void {
  const left = readdirSync(join(cli.home, 'backups')).filter((name) => /staging|part/.test(name));
  assert.deepEqual(left, []);
}

test('every backup made while keys are created and revoked is sound and shows one moment', async (t) => {
  const cli = makeCli(t);
  await startProxy(cli, '--demo', '--mode', 'dev-selfsigned', '--bind', '127.0.0.1');
  const ended = new AbortController();
  const changes = (async () => {
    for (let i = 0; !ended.signal.aborted; i++) {
      const { id } = await createKey(cli, `key${i}`);
      if (i % 2 === 0) {
        const { code, stderr } = await cli.run('key', 'revoke', id);
        assert.equal(code, 0, stderr);
      }
    }
  })();
  const made: Created[] = [];
  for (let i = 0; i < 20; i++) made.push(await create(cli, '--plaintext', '--keep', '30'));
  ended.abort();
  await changes;

  let keys = 0;
  for (const { file, counts } of made) {
    const found = await verified(cli, file);
    assert.deepEqual(found.counts, counts);
    // Each key has an entry in the audit, and so has each revocation.
    assert.ok((counts.api_key ?? 0) >= keys);
    assert.ok((counts.audit ?? 0) >= (counts.api_key ?? 0));
    keys = counts.api_key ?? 0;
  }
  assert.ok(keys > 0, 'keys were created meanwhile');
  assertTidy(cli);
});

test('the file is private, is opened by tar, and holds keys, usage, certificates and the CA', async (t) => {
  const cli = makeCli(t);
  await startProxy(cli, '--demo', '--mode', 'dev-selfsigned', '--bind', '127.0.0.1');
  await createKey(cli, 'anna');

  const { file } = await create(cli, '--plaintext');

  assert.equal(statSync(file).mode & 0o777, 0o600);
  const told = await cli.run('backup', 'verify', file);
  assert.match(told.stdout, /1 key/);
  assert.match(told.stdout, /certificates +authority/);
  assert.match(told.stdout, /The backup is sound\.\n$/);
  const { certificates } = (await cli.run('backup', 'verify', file, '--json')).json<{
    certificates: { name: string }[];
  }>();
  assert.ok(certificates.some(({ name }) => name === 'authority'));
});

test('the seven newest backups stay, and files of other programs too', async (t) => {
  const cli = makeCli(t);
  const to = join(cli.folder, 'disk');
  mkdirSync(to);
  const foreign = join(to, 'flm-other-20200101T000000Z.tar.gz');
  writeFileSync(foreign, 'a backup of another machine');
  const made: Created[] = [];
  for (let i = 0; i < 9; i++) made.push(await create(cli, '--plaintext', '--to', to));

  const { backups } = (await cli.run('backup', 'list', to, '--json')).json<{ backups: { file: string }[] }>();

  const files = made.map(({ file }) => file);
  assert.deepEqual(backups.map(({ file }) => file).reverse(), files.slice(2));
  assert.deepEqual(made.at(-1)?.removed, [files[1]]);
  assert.ok(existsSync(foreign));
  assert.match((await cli.run('backup', 'list', to)).stdout, /created +size +encrypted +file/);
});

test('without a choice about encryption nothing is saved, and the error names the choices', async (t) => {
  const cli = makeCli(t);

  assertMistake(await cli.run('backup', 'create'), /--encrypt .*--recipient .*--plaintext/);
  assertMistake(await cli.run('backup', 'create', '--encrypt'), /--passphrase-file FILE/);
  assertMistake(await cli.run('backup', 'create', '--recipient', 'age1x'), /no age recipient/);
  assertMistake(await cli.run('backup', 'create', '--plaintext', '--encrypt'), /not both/);

  assert.deepEqual(readdirSync(cli.folder).sort(), ['programs']);
});

test('a passphrase or an age key decrypts a backup, and another one does not', async (t) => {
  const cli = makeCli(t);
  await createKey(cli, 'anna');
  const [passphrase, wrong, identity] = ['passphrase', 'wrong', 'identity'].map((name) =>
    join(cli.folder, name),
  ) as [string, string, string];
  writeFileSync(passphrase, 'correct horse battery\n');
  writeFileSync(wrong, 'wrong horse battery\n');
  const { recipient } = (await cli.run('backup', 'key', 'create', identity, '--json')).json<{
    recipient: string;
  }>();
  assert.equal(statSync(identity).mode & 0o777, 0o600);

  const one = await create(cli, '--passphrase-file', passphrase);
  const two = await create(cli, '--recipient', recipient);

  for (const { file, encrypted } of [one, two]) {
    assert.equal(encrypted, true);
    assert.ok(file.endsWith('.age'));
    assert.ok(!readFileSync(file).includes('SQLite'));
  }
  await verified(cli, one.file, '--passphrase-file', passphrase);
  await verified(cli, two.file, '--identity', identity);
  assertMistake(await cli.run('backup', 'verify', one.file), /encrypted with a passphrase/);
  assertMistake(
    await cli.run('backup', 'verify', one.file, '--passphrase-file', wrong),
    /passphrase is wrong/,
  );
  assertMistake(await cli.run('backup', 'verify', two.file), /encrypted for an age key/);
  assertMistake(
    await cli.run('backup', 'verify', two.file, '--identity', wrong),
    /no file of age identities/,
  );
  assertTidy(cli);
});

test('a terminal asks whether to encrypt, and for the passphrase without showing it', {
  skip: noTerminal,
}, async (t) => {
  const cli = makeCli(t);
  const running = cli.startInTerminal('backup', 'create');
  await running.saw(/Encrypt the backup with a passphrase\? \[Y\/n\] /);
  running.child.stdin?.write('\n');
  await running.saw(/at least 12 characters: /);
  running.child.stdin?.write('correct horse battery\n');
  await running.saw(/again: /);
  running.child.stdin?.write('correct horse battery\n');

  const { code, stdout } = await running.ended;

  assert.equal(code, 0, stdout);
  assert.match(stdout, /Saved nothing|Saved .* in .*\.age\./);
  assert.doesNotMatch(stdout, /horse/);
});

test('a database of a newer flm is not saved, and the backup made before stays readable', async (t) => {
  const cli = makeCli(t);
  await createKey(cli, 'anna');
  const { file } = await create(cli, '--plaintext');
  makeNewer(join(cli.home, 'flm.db'));
  assert.equal((await cli.run('backup', 'create', '--plaintext')).code, 1, 'an older flm cannot save it');
  await verified(cli, file);
  assertTidy(cli);
});

const faults: readonly (readonly [what: string, change: (file: string) => void, refused: RegExp])[] = [
  ['of a newer flm', makeNewer, /was made by a newer flm/],
  ['that is damaged', damage, /its database is damaged/],
];

for (const [what, change, refused] of faults)
  test(`a backup with a database ${what} is refused, and nothing changes`, async (t) => {
    const cli = makeCli(t);
    await createKey(cli, 'anna');
    const { file } = await create(cli, '--plaintext');
    const changed = await changedBackup(t, file, change);
    for (const command of ['verify', 'restore --yes']) {
      const ran = await cli.run('backup', ...command.split(' '), changed);
      assert.equal(ran.code, 1, command);
      assert.match(ran.stderr, refused);
    }
    assert.match((await cli.run('key', 'list')).stdout, /anna/);
    assert.deepEqual(
      readdirSync(cli.home).filter((name) => name.startsWith('replaced-')),
      [],
    );
    assertTidy(cli);
  });

function makeNewer(file: string): void {
  using db = new DatabaseSync(file);
  db.exec('PRAGMA user_version = 900; UPDATE schema_reader SET oldest = 900');
}

/** Overwrites the pages after the first one. */
function damage(file: string): void {
  const bytes = readFileSync(file);
  writeFileSync(file, bytes.fill(0x5a, 4096));
}

/** A backup like `file`, whose manifest fits, with another `flm.db`. */
async function changedBackup(t: TestContext, file: string, change: (file: string) => void): Promise<string> {
  const root = mkdtempSync(join(tmpdir(), 'flm-changed-'));
  t.after(() => rmSync(root, { recursive: true }));
  const { signal } = new AbortController();
  const folder = join(root, 'data');
  mkdirSync(folder);
  const manifest = await unpackBackup({ file, keys: {}, folder, signal });
  change(join(folder, 'flm.db'));
  const files = await Promise.all(manifest.files.map(({ name }) => memberOf(folder, name)));
  const changed = join(root, 'changed.tar.gz');
  const facts = { file: changed, manifest: { ...manifest, files }, folder };
  await packBackup({ ...facts, lock: undefined, id: 'abcdef012345', signal });
  return changed;
}
