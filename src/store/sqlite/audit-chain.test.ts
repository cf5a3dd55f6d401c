/** The chains of the audit in SQLite: edits of the files show, and entries of older versions are chained. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { soundChains } from '../../../test/contracts/audit-contract.ts';
import { writeFolderOf010 } from '../../../test/helpers/folder-of-010.ts';
import { startedProxyStore } from '../../../test/helpers/proxy-stores.ts';
import { sometimeMs } from '../../../test/helpers/store-samples.ts';
import { openedStore, temporaryHome } from '../../../test/helpers/temporary-store.ts';
import { checkpointAction } from '../../core/audit/checkpoint.ts';
import type { AuditEntry } from '../../core/security/ports.ts';
import { keptAuditRows } from '../audit-rows.ts';

function edit(home: string, file: 'flm.db' | 'usage.db', sql: string): void {
  const db = new DatabaseSync(join(home, file));
  db.exec(sql);
  db.close();
}

const entryOf = (subject: string): AuditEntry => ({
  atMs: sometimeMs,
  actor: 'cli:me',
  action: 'key.create',
  subject,
});

async function storeWithEntries(t: TestContext) {
  const home = temporaryHome(t);
  const store = openedStore(t, home);
  for (const subject of ['a', 'b', 'c', 'd', 'e']) await store.audit.record(entryOf(subject));
  return { home, store };
}

const edits: Readonly<Record<string, readonly [sql: string, kind: string, seq: number]>> = {
  'a changed actor': ["UPDATE audit SET actor = 'cli:you' WHERE seq = 3", 'changed', 3],
  'a changed time': ['UPDATE audit SET at = at + 1 WHERE seq = 1', 'changed', 1],
  'a removed hash': ['UPDATE audit SET hash = NULL WHERE seq = 2', 'changed', 2],
  'a deleted entry': ['DELETE FROM audit WHERE seq = 4', 'missing', 4],
  'the deleted newest entry': ['DELETE FROM audit WHERE seq = 5', 'missing', 5],
  'the deleted oldest entry': ['DELETE FROM audit WHERE seq = 1', 'missing', 1],
  'two entries that changed places': [
    'UPDATE audit SET seq = 99 WHERE seq = 2; UPDATE audit SET seq = 2 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 99',
    'changed',
    2,
  ],
  'an entry behind the head': [
    "INSERT INTO audit (at, actor, action, subject, seq, hash) VALUES (1, 'x', 'y', 'z', 6, 'v1_0')",
    'unexpected',
    6,
  ],
  'a moved base': ['UPDATE audit_chain SET base_seq = 2; DELETE FROM audit WHERE seq <= 2', 'changed', 3],
};

for (const [what, [sql, kind, seq]] of Object.entries(edits)) {
  test(`${what} is found in the audit`, async (t) => {
    const { home, store } = await storeWithEntries(t);
    edit(home, 'flm.db', sql);
    const [changes] = await store.audit.verify();
    assert.deepEqual([changes?.fault?.kind, changes?.fault?.seq], [kind, seq]);
  });
}

test('newest entries that were deleted with the stored head are found by a head from outside', async (t) => {
  const { home, store } = await storeWithEntries(t);
  const heads = await store.audit.heads();
  edit(
    home,
    'flm.db',
    `DELETE FROM audit WHERE seq > 3;
     UPDATE audit_chain SET head_seq = 3, head_hash = (SELECT hash FROM audit WHERE seq = 3)`,
  );
  assert.equal((await store.audit.verify())[0]?.fault, undefined);
  assert.deepEqual((await store.audit.verify(heads))[0]?.fault, { kind: 'beyond', seq: 4 });
});

test('an entry that was written without a hash gets one at the next opening, with a checkpoint', async (t) => {
  const { home, store } = await storeWithEntries(t);
  edit(
    home,
    'flm.db',
    "INSERT INTO audit (at, actor, action, subject) VALUES (7, 'cli:old', 'key.create', 'f')",
  );
  assert.equal((await store.audit.verify())[0]?.withoutHash, 1);
  store.close();
  assert.deepEqual(await soundChains(openedStore(t, home)), [7, 0]);
  const [checkpoint] = await openedStore(t, home).audit.find({ limit: 1 });
  assert.equal(checkpoint?.action, checkpointAction);
  assert.deepEqual(JSON.parse(checkpoint?.after ?? ''), {
    reason: 'chained',
    throughSeq: 6,
    throughHash: (await store.audit.find({ limit: 9, subject: 'f' }))[0]?.point?.hash,
    entries: 1,
  });
});

test('the audit of a folder of 0.1.0 is chained when it is opened', async (t) => {
  const home = temporaryHome(t);
  writeFolderOf010(home, ['a', 'b'], [['a', 'b']]);
  const store = openedStore(t, home);
  // Each chain with its checkpoint.
  assert.deepEqual(await soundChains(store), [3, 2]);
  edit(home, 'usage.db', "UPDATE audit SET subject = '192.0.2.8' WHERE action = 'auth.refused'");
  assert.equal((await store.audit.verify())[1]?.fault?.kind, 'changed');
});

test('refused logins of several proxies are one chain', async (t) => {
  const home = temporaryHome(t);
  const store = openedStore(t, home);
  const proxies = [await startedProxyStore(t, home), await startedProxyStore(t, home)];
  const written = async () => {
    await Promise.all(proxies.map(({ proxy }) => proxy.writeUsage()));
    return (await store.audit.heads())[0]?.seq ?? 0;
  };
  for (let i = 1; i <= 5; i++) {
    // Of now: the hourly work of a proxy deletes entries that are past their retention.
    for (const [n, { proxy }] of proxies.entries())
      proxy.record({ atMs: Date.now(), actor: `proxy:${n}`, action: 'auth.refused', subject: '192.0.2.7' });
    // A file that is busy is written by the next try.
    while ((await written()) < 2 * i) await setImmediate();
  }
  assert.deepEqual(await soundChains(store, await store.audit.heads()), [0, 10]);
});

test('a full audit loses its oldest entries, and what is left still fits', async (t) => {
  const { home, store } = await storeWithEntries(t);
  // As if that many entries had been written, without writing them.
  edit(home, 'flm.db', `UPDATE audit_chain SET base_seq = ${5 - keptAuditRows}`);
  await store.audit.record(entryOf('f'));
  const [checkpoint, ...rest] = await store.audit.find({ limit: 9, untilMs: sometimeMs + 1 });
  assert.deepEqual(
    [checkpoint?.action, JSON.parse(checkpoint?.after ?? '').reason],
    [checkpointAction, 'limit'],
  );
  assert.deepEqual(
    rest.map(({ subject }) => subject),
    ['f', 'e', 'd', 'c', 'b'],
  );
  assert.deepEqual(await soundChains(store), [6, 0]);
});
