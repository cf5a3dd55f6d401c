import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { BackupError } from '../core/errors.ts';
import { takeFileLock } from './file-lock.ts';
import { finishReplacement, replaceFiles } from './replace-files.ts';

const replacement = {
  staged: 'backups/staged',
  kept: 'replaced',
  replaced: ['usage.db', 'tls', 'flm.db'],
  removed: ['flm.db-wal', 'usage.db-wal'],
};

function folder(t: TestContext): string {
  const home = mkdtempSync(join(tmpdir(), 'flm-replace-'));
  t.after(() => rmSync(home, { recursive: true }));
  mkdirSync(join(home, 'backups/staged/tls'), { recursive: true });
  mkdirSync(join(home, 'tls'));
  for (const name of ['flm.db', 'usage.db', 'tls/a.pem']) {
    writeFileSync(join(home, name), `old ${name}`);
    writeFileSync(join(home, replacement.staged, name), `new ${name}`);
  }
  writeFileSync(join(home, 'flm.db-wal'), 'old log');
  return home;
}

function assertReplaced(home: string): void {
  for (const name of ['flm.db', 'usage.db', 'tls/a.pem']) {
    assert.equal(readFileSync(join(home, name), 'utf8'), `new ${name}`);
    assert.equal(readFileSync(join(home, 'replaced', name), 'utf8'), `old ${name}`);
  }
  assert.deepEqual(readdirSync(home).sort(), [
    'backups',
    'flm.db',
    'replaced',
    'restore.lock',
    'tls',
    'usage.db',
  ]);
  assert.ok(existsSync(join(home, 'replaced/flm.db-wal')));
}

test('everything is replaced, and the old files are kept', (t) => {
  const home = folder(t);

  replaceFiles(home, replacement);

  assertReplaced(home);
});

test('a replacement that was interrupted after any step is completed', (t) => {
  const steps: readonly [from: string, to: string][] = [
    ['flm.db-wal', 'replaced/flm.db-wal'],
    ['usage.db', 'replaced/usage.db'],
    ['backups/staged/usage.db', 'usage.db'],
    ['tls', 'replaced/tls'],
    ['backups/staged/tls', 'tls'],
    ['flm.db', 'replaced/flm.db'],
    ['backups/staged/flm.db', 'flm.db'],
  ];
  for (let done = 0; done <= steps.length; done++) {
    const home = folder(t);
    mkdirSync(join(home, 'replaced'));
    writeFileSync(join(home, 'restore.json'), JSON.stringify(replacement));
    for (const [from, to] of steps.slice(0, done)) renameSync(join(home, from), join(home, to));

    finishReplacement(home);

    assertReplaced(home);
    finishReplacement(home);
    assertReplaced(home);
  }
});

test('in a folder without old files, an interrupted replacement keeps the new ones', (t) => {
  const home = folder(t);
  for (const name of ['flm.db', 'usage.db', 'tls', 'flm.db-wal'])
    rmSync(join(home, name), { recursive: true });
  mkdirSync(join(home, 'replaced'));
  writeFileSync(join(home, 'restore.json'), JSON.stringify(replacement));
  renameSync(join(home, 'backups/staged/usage.db'), join(home, 'usage.db'));

  finishReplacement(home);

  assert.equal(readFileSync(join(home, 'usage.db'), 'utf8'), 'new usage.db');
  assert.equal(readFileSync(join(home, 'flm.db'), 'utf8'), 'new flm.db');
  assert.deepEqual(readdirSync(join(home, 'replaced')), []);
});

test('while one process replaces, another one is refused', (t) => {
  const home = folder(t);
  writeFileSync(join(home, 'restore.json'), JSON.stringify(replacement));
  using lock = takeFileLock(join(home, 'restore.lock'));
  assert.ok(lock !== undefined);

  for (const work of [() => finishReplacement(home), () => replaceFiles(home, replacement)])
    assert.throws(work, (error) => error instanceof BackupError && error.code === 'RESTORE_RUNNING');
  assert.equal(readFileSync(join(home, 'flm.db'), 'utf8'), 'old flm.db');
});
