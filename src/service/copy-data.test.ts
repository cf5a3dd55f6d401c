/** Copying a data folder: copies all persistent files, follows no links, and leaves no partial copy. */
import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ServiceError } from '../core/errors.ts';
import { copyData } from './copy-data.ts';

function folders(t: TestContext): { readonly source: string; readonly target: string } {
  const folder = mkdtempSync(join(tmpdir(), 'flm-copy-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const source = join(folder, 'source');
  for (const name of ['tls', 'run', 'logs']) mkdirSync(join(source, name), { recursive: true });
  writeFileSync(join(source, 'flm.db'), 'db', { mode: 0o600 });
  writeFileSync(join(source, 'tls/ca.key'), 'key', { mode: 0o600 });
  writeFileSync(join(source, 'logs/default.log'), 'log');
  return { source, target: join(folder, 'target') };
}
const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

test('databases and certificates are copied for their owner alone; sockets and logs are not', (t) => {
  const { source, target } = folders(t);
  copyData(source, target, owner);
  assert.deepEqual(readdirSync(target).sort(), ['flm.db', 'tls']);
  assert.equal(readFileSync(join(target, 'tls/ca.key'), 'utf8'), 'key');
  assert.equal(statSync(target).mode & 0o777, 0o700);
  assert.equal(statSync(join(target, 'tls/ca.key')).mode & 0o777, 0o600);
});

test('what a link points to is not copied', (t) => {
  const { source, target } = folders(t);
  symlinkSync('/etc/passwd', join(source, 'usage.db'));
  symlinkSync('/etc', join(source, 'backups'));
  copyData(source, target, owner);
  assert.deepEqual(readdirSync(target).sort(), ['flm.db', 'tls']);
});

test('a copy that fails leaves nothing, and overwrites nothing', (t) => {
  const { source, target } = folders(t);
  mkdirSync(join(target, 'tls'), { recursive: true });
  writeFileSync(join(target, 'tls/ca.key'), 'mine');
  assert.throws(
    () => copyData(source, target, owner),
    (error: unknown) => error instanceof ServiceError && error.code === 'SERVICE_STEP_FAILED',
  );
  assert.equal(readFileSync(join(target, 'tls/ca.key'), 'utf8'), 'mine');
  assert.equal(existsSync(join(target, 'flm.db')), false);
});
