/** The chains of the audit in PostgreSQL: all nodes build one, edits show, and entries of older nodes are chained. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { initial } from '../../src/store/postgres/migrations/001-initial.ts';
import { writeBatch } from '../../src/store/postgres/usage-batch.ts';
import { UsageBatches } from '../../src/store/usage-batches.ts';
import { soundChains } from '../contracts/audit-contract.ts';
import { noPostgres, postgresForFile } from '../helpers/postgres-server.ts';
import { postgresDatabase, testPostgresStore } from '../helpers/postgres-store.ts';
import { sampleKey, sometimeMs } from '../helpers/store-samples.ts';

const postgres = postgresForFile();
const skip = noPostgres;

const entryOf = (subject: string) => ({ atMs: sometimeMs, actor: 'cli:me', action: 'key.create', subject });

function refusals(writer: string, subjects: readonly string[]) {
  const batches = new UsageBatches(writer);
  for (const subject of subjects)
    batches.record({ atMs: sometimeMs, actor: `proxy:${writer}`, action: 'auth.refused', subject });
  const batch = batches.next();
  assert.ok(batch);
  return batch;
}

test('nodes that write at the same moment build one chain of changes and one of refused logins', {
  skip,
}, async (t) => {
  const url = await postgres.database(t);
  const nodes = Array.from({ length: 3 }, () => testPostgresStore(t, url));
  await Promise.all(
    nodes.flatMap((node, n) =>
      Array.from({ length: 10 }, async (_, i) => {
        await node.security.insertKey(sampleKey(`${n}-${i}`), entryOf(`${n}-${i}`));
        await node.audit.record(entryOf('start'));
        const batch = refusals(`${n}-${i}`, ['192.0.2.7', '192.0.2.8']);
        await writeBatch(node.database, batch);
        // Sent again, because the answer was lost.
        await writeBatch(node.database, batch);
      }),
    ),
  );
  const [first] = nodes;
  assert.ok(first);
  assert.deepEqual(await soundChains(first, await first.audit.heads()), [60, 60]);
});

test('the retention is applied while nodes write, and both chains still fit', { skip }, async (t) => {
  const url = await postgres.database(t);
  const [a, b] = [testPostgresStore(t, url), testPostgresStore(t, url)];
  await writeBatch(a.database, refusals('a', ['192.0.2.7']));
  await a.audit.record(entryOf('a'));
  await Promise.all(
    [1, 2, 3, 4].flatMap((n) => [
      a.usage.applyRetention(sometimeMs + 400 * 86_400_000),
      b.audit.record({ ...entryOf('b'), atMs: sometimeMs + 400 * 86_400_000 }),
      writeBatch(b.database, refusals(`b${n}`, ['192.0.2.8'])),
    ]),
  );
  await soundChains(a, await b.audit.heads());
  assert.deepEqual(await a.audit.find({ limit: 9, subject: 'a' }), []);
});

async function storeWithEntries(t: TestContext) {
  const url = await postgres.database(t);
  const store = testPostgresStore(t, url);
  for (const subject of ['a', 'b', 'c', 'd', 'e']) await store.audit.record(entryOf(subject));
  return { url, store };
}

const edits: Readonly<Record<string, readonly [sql: string, kind: string, seq: number]>> = {
  'a changed actor': ["UPDATE flm.audit SET actor = 'cli:you' WHERE seq = 3", 'changed', 3],
  'a deleted entry': ['DELETE FROM flm.audit WHERE seq = 4', 'missing', 4],
  'the deleted newest entry': ['DELETE FROM flm.audit WHERE seq = 5', 'missing', 5],
  'an entry behind the head': [
    "INSERT INTO flm.audit (at, actor, action, subject, seq, hash) VALUES (1, 'x', 'y', 'z', 6, 'v1_0')",
    'unexpected',
    6,
  ],
};

test('edits of the database are found in the audit', { skip }, async (t) => {
  for (const [what, [sql, kind, seq]] of Object.entries(edits)) {
    const { url, store } = await storeWithEntries(t);
    await postgres.query(url, sql);
    const [changes] = await store.audit.verify();
    assert.deepEqual([changes?.fault?.kind, changes?.fault?.seq], [kind, seq], what);
  }
});

test('entries from before the chains are chained by the migration, and those of older nodes with the retention', {
  skip,
}, async (t) => {
  const url = await postgres.database(t);
  const old = postgresDatabase(t, url, { migrations: [initial] });
  const insert = "(at, actor, action, subject, after) VALUES ($1, 'cli:me', 'key.create', 'a', '{}')";
  for (const table of ['audit', 'refusal']) await old.run(`INSERT INTO flm.${table} ${insert}`, sometimeMs);
  const store = testPostgresStore(t, url);
  assert.deepEqual(await soundChains(store), [2, 2]);
  await old.run(`INSERT INTO flm.audit ${insert}`, sometimeMs);
  assert.equal((await store.audit.verify())[0]?.withoutHash, 1);
  await store.usage.applyRetention(sometimeMs);
  assert.deepEqual(await soundChains(store), [4, 2]);
});
