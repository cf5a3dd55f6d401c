/** Whole backups: what is packed can be unpacked, and every other file is refused with its reason. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { type BackupManifest, manifestName } from '../core/backup/backup-manifest.ts';
import { BackupError } from '../core/errors.ts';
import { type AgeLock, newAgeKey } from './age.ts';
import { memberOf, packBackup } from './pack.ts';
import { tarOf } from './tar.ts';
import { type UnpackOptions, unpackBackup } from './unpack.ts';

const { signal } = new AbortController();
const contents: Readonly<Record<string, Buffer>> = {
  'flm.db': Buffer.alloc(200_000, 'keys '),
  'usage.db': Buffer.alloc(70_001, 'usage '),
  'tls/authority.pem': Buffer.from('key and certificate'),
};

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'flm-archive-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

async function packed(
  t: TestContext,
  lock?: AgeLock,
): Promise<{ readonly file: string; readonly manifest: BackupManifest }> {
  const root = folder(t);
  const source = join(root, 'source');
  mkdirSync(join(source, 'tls'), { recursive: true });
  for (const [name, bytes] of Object.entries(contents)) writeFileSync(join(source, name), bytes);
  const manifest: BackupManifest = {
    format: 1,
    createdAt: '2026-11-27T03:30:00.000Z',
    ...{ host: 'box', flm: '1.2.3', store: 'sqlite', schema: {}, counts: {}, auditHeads: [] },
    files: await Promise.all(Object.keys(contents).map((name) => memberOf(source, name))),
  };
  const file = join(root, 'backup');
  await packBackup({ file, manifest, folder: source, lock, id: 'abcdef012345', signal });
  assert.deepEqual(readdirSync(root).sort(), ['backup', 'source'], 'no other file is left');
  if (process.platform !== 'win32') assert.equal(statSync(file).mode & 0o777, 0o600);
  return { file, manifest };
}

async function unpacked(t: TestContext, file: string, keys: UnpackOptions['keys'] = {}): Promise<string> {
  const target = folder(t);
  await unpackBackup({ file, keys, folder: target, signal });
  return target;
}

const refusal = (code: string, reason: RegExp) => (error: unknown) => {
  assert.ok(error instanceof BackupError, String(error));
  assert.equal(error.code, code);
  assert.match(error.message, reason);
  return true;
};

test('every member comes back as it was, without and with encryption', async (t) => {
  const { identity, recipient } = await newAgeKey();
  for (const [lock, keys] of [
    [undefined, {}],
    [{ recipients: [recipient] }, { identities: [identity] }],
  ] as const) {
    const { file } = await packed(t, lock);

    const target = await unpacked(t, file, keys);

    for (const [name, bytes] of Object.entries(contents))
      assert.ok(readFileSync(join(target, name)).equals(bytes), name);
  }
});

test('a file that is cut off or changed anywhere is refused', async (t) => {
  const { identity, recipient } = await newAgeKey();
  for (const [lock, keys] of [
    [undefined, {}],
    [{ recipients: [recipient] }, { identities: [identity] }],
  ] as const) {
    const bytes = readFileSync((await packed(t, lock)).file);
    const other = join(folder(t), 'other');
    for (let at = 1; at < 16; at++) {
      const position = Math.floor((bytes.length * at) / 16);
      writeFileSync(other, bytes.subarray(0, position));
      await assert.rejects(unpacked(t, other, keys), BackupError, `cut at ${position}`);
      const changed = Buffer.from(bytes);
      changed[position] = (changed[position] ?? 0) ^ 0x10;
      writeFileSync(other, changed);
      await assert.rejects(unpacked(t, other, keys), BackupError, `changed at ${position}`);
    }
    writeFileSync(other, bytes.subarray(0, -1));
    await assert.rejects(unpacked(t, other, keys), BackupError, 'the last byte is missing');
  }
});

test('a wrong passphrase or key, and a missing one, are told apart', async (t) => {
  const [one, another] = [await newAgeKey(), await newAgeKey()];
  const forKey = (await packed(t, { recipients: [one.recipient] })).file;
  const forPassphrase = join(folder(t), 'passphrase');
  // Deriving a key from a passphrase takes a second, so test/commands/backup.test.ts does that.
  writeFileSync(forPassphrase, 'age-encryption.org/v1\n-> scrypt AAAAAAAAAAAAAAAAAAAAAA 18\n');

  await assert.rejects(unpacked(t, forKey), refusal('BACKUP_LOCKED', /for an age key/));
  await assert.rejects(
    unpacked(t, forKey, { identities: [another.identity], passphrase: 'wrong' }),
    refusal('BACKUP_LOCKED', /another age key/),
  );
  await assert.rejects(unpacked(t, forPassphrase), refusal('BACKUP_LOCKED', /with a passphrase/));
});

test('foreign files are refused', async (t) => {
  const file = join(folder(t), 'foreign');
  for (const bytes of [
    Buffer.alloc(0),
    Buffer.from('SQLite format 3\0'),
    gzipSync('text'),
    gzipSync(Buffer.alloc(1_024)),
  ]) {
    writeFileSync(file, bytes);
    await assert.rejects(unpacked(t, file), refusal('BACKUP_UNREADABLE', /no backup of flm|cut off|damaged/));
  }
  await assert.rejects(unpacked(t, join(file, 'missing')), refusal('BACKUP_UNREADABLE', /not a folder/));
});

test('an archive whose members differ from its manifest writes no other file', async (t) => {
  const { file, manifest } = await packed(t);
  const forged = join(folder(t), 'forged');
  const write = async (name: string, size: number, newer: object = {}): Promise<void> => {
    const text = Buffer.from(JSON.stringify({ ...manifest, ...newer }));
    const pieces: Buffer[] = [];
    const members = [
      { name: manifestName, bytes: text.length, content: () => [text] },
      { name, bytes: size, content: () => [Buffer.alloc(size)] },
    ];
    for await (const piece of tarOf(members, 0)) pieces.push(piece);
    writeFileSync(forged, gzipSync(Buffer.concat(pieces)));
  };

  for (const [name, size] of [
    ['../escaped', 10],
    ['/tmp/escaped', 10],
    ['usage.db', 70_001],
    ['flm.db', 300_000],
  ] as const) {
    await write(name, size);
    await assert.rejects(unpacked(t, forged), refusal('BACKUP_UNREADABLE', /differ from its manifest/));
  }
  await write('flm.db', 200_000);
  await assert.rejects(unpacked(t, forged), refusal('BACKUP_UNREADABLE', /damaged/), 'another SHA-256');
  await write('flm.db', 10, { format: 2, flm: '9.0.0' });
  await assert.rejects(unpacked(t, forged), refusal('BACKUP_NEWER', /9\.0\.0/));
  const huge = manifest.files.map((one) => ({ ...one, bytes: 1e15 }));
  await write('flm.db', 10, { files: huge });
  await assert.rejects(unpacked(t, forged), refusal('BACKUP_NO_SPACE', /MB of free space/));
  // A member behind the last one.
  const whole = gunzipSync(readFileSync(file));
  const extra: Buffer[] = [];
  for await (const piece of tarOf([{ name: 'tls/x', bytes: 1, content: () => [Buffer.from('x')] }], 0))
    extra.push(piece);
  writeFileSync(forged, gzipSync(Buffer.concat([whole.subarray(0, -1_024), ...extra])));
  await assert.rejects(unpacked(t, forged), refusal('BACKUP_UNREADABLE', /differ from its manifest/));
});
