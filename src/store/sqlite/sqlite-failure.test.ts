import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { StoreError } from '../../core/errors.ts';
import { RowFault } from '../rows.ts';
import { storeFailure } from './sqlite-failure.ts';

const place = { file: '/Application Support/flm.db', backups: '/Application Support/backups' };

test('advice about a database quotes its path for a shell', () => {
  const busy = Object.assign(new Error('database is locked'), { code: 'ERR_SQLITE_ERROR', errcode: 5 });
  for (const [cause, code, command] of [
    [busy, 'STORE_BUSY', "`lsof '/Application Support/flm.db'`"],
    [new RowFault('x'), 'STORE_CORRUPT', "`sqlite3 '/Application Support/flm.db' .recover`"],
  ] as const) {
    const failure = storeFailure(cause, place);
    assert.ok(failure instanceof StoreError && failure.code === code, String(failure));
    assert.ok(failure.hint.includes(command), failure.hint);
    assert.ok(failure.message.includes('/Application Support/flm.db'), failure.message);
  }
});

test('a database that cannot be opened because too many files are open is told so', {
  skip: process.platform === 'win32' && 'Windows has no ulimit',
}, () => {
  const code = `
    import { closeSync, openSync } from 'node:fs';
    import { storeFailure } from ${JSON.stringify(new URL('./sqlite-failure.ts', import.meta.url).href)};
    const place = { file: ${JSON.stringify(join(tmpdir(), 'flm.db'))}, backups: '/backups' };
    const cause = Object.assign(new Error('unable to open database file'), { errcode: 14 });
    const opened = [];
    const tell = () => console.log(storeFailure(cause, place).message);
    tell();
    try {
      for (;;) opened.push(openSync('.', 'r'));
    } catch {
      // SQLite has closed the database again, but had opened no second file.
      closeSync(opened.pop());
    }
    tell();
  `;
  const limited = [
    '-c',
    'ulimit -n 100 && exec "$0" "$@"',
    process.execPath,
    '--input-type=module',
    '-e',
    code,
  ];
  const { stdout, stderr } = spawnSync('/bin/sh', limited, { encoding: 'utf8' });
  const [before = '', after = ''] = stdout.split('\n');
  assert.match(before, /: unable to open database file\.$/, stderr);
  assert.match(after, /: this program has too many files open; raise the limit with `ulimit -n 65536`\.$/);
});
