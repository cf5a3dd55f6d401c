import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { UpgradeError } from '../../core/errors.ts';
import { hashOf, verifyRelease } from './release-file.ts';

const name = 'flm-0.2.0-linux-x64';
const contents = 'a program';
const hash = createHash('sha256').update(contents).digest('hex');
const keys = generateKeyPairSync('ed25519');
const publicKey = keys.publicKey.export({ type: 'spki', format: 'der' }).toString('base64');

/** A release of one file; what a test changes comes after. */
function release(t: TestContext, sums = `${hash}  ${name}\n`, key = keys.privateKey): string {
  const folder = mkdtempSync(join(tmpdir(), 'flm-release-file-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, name), contents);
  writeFileSync(join(folder, 'SHA256SUMS'), sums);
  writeFileSync(join(folder, 'SHA256SUMS.sig'), sign(null, Buffer.from(sums), key));
  return join(folder, name);
}

const failsAs =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof UpgradeError && error.code === code;

test('a file whose checksum is signed is accepted, under the name in the signed line', async (t) => {
  const file = release(t);
  assert.equal(await hashOf(file), hash);
  assert.equal(verifyRelease({ file, hash, publicKey }), name);
});

test('a file without a signature, with a changed signature or another key is refused', (t) => {
  const unsigned = release(t);
  rmSync(`${unsigned.slice(0, -name.length)}SHA256SUMS.sig`);
  const changed = release(t);
  writeFileSync(`${changed.slice(0, -name.length)}SHA256SUMS`, `${hash}  another\n`);
  const otherKey = release(t, undefined, generateKeyPairSync('ed25519').privateKey);
  const short = release(t);
  writeFileSync(`${short.slice(0, -name.length)}SHA256SUMS.sig`, 'x');

  for (const file of [unsigned, changed, otherKey, short])
    assert.throws(() => verifyRelease({ file, hash, publicKey }), failsAs('UPGRADE_NOT_SIGNED'));
});

test('a damaged file is told apart from one that the release does not contain', (t) => {
  const file = release(t);
  const damaged = 'f'.repeat(64);
  assert.throws(() => verifyRelease({ file, hash: damaged, publicKey }), failsAs('UPGRADE_WRONG_BYTES'));
  const other = release(t, `${hash}  another-name\n`);
  assert.throws(
    () => verifyRelease({ file: other, hash: damaged, publicKey }),
    failsAs('UPGRADE_NOT_SIGNED'),
  );
});

test('a build without a key asks for a checksum, and accepts only that one', (t) => {
  const file = release(t);
  assert.throws(() => verifyRelease({ file, hash, publicKey: null }), failsAs('UPGRADE_NO_KEY'));
  assert.equal(verifyRelease({ file, hash, publicKey: null, trustedHash: hash.toUpperCase() }), undefined);
  assert.throws(
    () => verifyRelease({ file, hash, publicKey: null, trustedHash: 'a'.repeat(64) }),
    failsAs('UPGRADE_WRONG_BYTES'),
  );
});
