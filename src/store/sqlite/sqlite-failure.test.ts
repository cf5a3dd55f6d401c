import assert from 'node:assert/strict';
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
