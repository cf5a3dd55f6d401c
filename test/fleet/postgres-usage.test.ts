/** How proxies write usage to a shared PostgreSQL and read the tokens of today from there. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { UsageEntry } from '../../src/core/security/ports.ts';
import type { PostgresDatabase } from '../../src/store/postgres/database.ts';
import { TodayTokens } from '../../src/store/postgres/today-tokens.ts';
import { insertBatch, writeBatch } from '../../src/store/postgres/usage-batch.ts';
import { usageOfFamily } from '../../src/store/postgres/usage-repository.ts';
import { type UsageBatch, UsageBatches } from '../../src/store/usage-batches.ts';
import { dayNumber } from '../../src/store/usage-row.ts';
import { noPostgres, postgresForFile } from '../helpers/postgres-server.ts';
import { postgresDatabase } from '../helpers/postgres-store.ts';
import { sampleUsage, sometimeMs } from '../helpers/store-samples.ts';

const postgres = postgresForFile();
const skip = noPostgres;
const today = dayNumber(sometimeMs);

async function opened(
  t: TestContext,
): Promise<{ readonly database: PostgresDatabase; readonly url: string }> {
  const url = await postgres.database(t);
  const database = postgresDatabase(t, url);
  await database.open();
  return { database, url };
}

function batchOf(writer: string, ...entries: readonly Partial<UsageEntry>[]): UsageBatch {
  const batches = new UsageBatches(writer);
  for (const entry of entries) batches.add(sampleUsage(entry));
  const batch = batches.next();
  assert.ok(batch);
  return batch;
}

const days = `SELECT day, key_id, model, requests, input_tokens, output_tokens, estimated_requests
  FROM flm.usage_day ORDER BY 1, 2, 3`;
const hours = `SELECT hour, key_id, ending, requests, input_tokens, fb0 + fb1 + fb2 + fb3 + fb4 + fb5 + fb6 + fb7 + fb8 + fb9 + fb10
  FROM flm.usage_hour ORDER BY 1, 2, 3`;

test('a batch adds to the days, the hours, the last uses and the refused logins', { skip }, async (t) => {
  const { database, url } = await opened(t);
  const batches = new UsageBatches('w');
  batches.add(sampleUsage({ estimated: true }));
  batches.add(sampleUsage({ keyId: 'key_b', model: 'a model \u0000 with a zero' }));
  // The same hour, but not counted in the day.
  batches.add(sampleUsage({ answered: false }));
  batches.record({ atMs: 5, actor: 'proxy:px', action: 'auth.refused', subject: '192.0.2.1' });
  const batch = batches.next();
  assert.ok(batch);
  await writeBatch(database, batch);
  await writeBatch(database, batchOf('other', { address: '::1', atMs: sometimeMs + 1 }));
  assert.deepEqual(await postgres.query(url, days), [
    '2025-06-15|key_a|llama3:8b|2|6|8|1',
    `2025-06-15|key_b|a model \u001a0 with a zero|1|3|4|0`,
  ]);
  const hour = sometimeMs / 3_600_000;
  assert.deepEqual(await postgres.query(url, hours), [
    `${hour}|key_a|done|3|9|3`,
    `${hour}|key_b|done|1|3|1`,
  ]);
  assert.deepEqual(await postgres.query(url, 'SELECT * FROM flm.last_used ORDER BY 1'), [
    `key_a|${sometimeMs + 1}|::1`,
    `key_b|${sometimeMs}|192.0.2.7`,
  ]);
  assert.deepEqual(
    await postgres.query(url, 'SELECT at, actor, action, subject, before IS NULL FROM flm.refusal'),
    ['5|proxy:px|auth.refused|192.0.2.1|t'],
  );
});

test('names that a database cannot hold apart are one row of a batch', { skip }, async (t) => {
  const { database, url } = await opened(t);
  await writeBatch(database, batchOf('w', { model: 'a\ud800' }, { model: 'a\udbff' }, { model: 'a\ufffd' }));
  assert.deepEqual(await postgres.query(url, 'SELECT model, requests FROM flm.usage_day'), ['a\ufffd|3']);
});

test('an older use does not replace a newer one, and sums stop at the largest exact number', {
  skip,
}, async (t) => {
  const { database, url } = await opened(t);
  const most = Number.MAX_SAFE_INTEGER;
  await writeBatch(database, batchOf('a', { inputTokens: most }));
  await writeBatch(database, batchOf('b', { inputTokens: most, atMs: sometimeMs - 1, address: '::1' }));
  assert.deepEqual(await postgres.query(url, 'SELECT input_tokens FROM flm.usage_day'), [String(most)]);
  assert.deepEqual(await postgres.query(url, 'SELECT at, address FROM flm.last_used'), [
    `${sometimeMs}|192.0.2.7`,
  ]);
});

test('a batch that is sent again counts once, also while the server still works on the first one', {
  skip,
}, async (t) => {
  const { database, url } = await opened(t);
  const batch = batchOf('w', {}, { keyId: 'key_b' });
  await Promise.all(Array.from({ length: 4 }, () => writeBatch(database, batch)));
  await writeBatch(database, batch);
  assert.deepEqual(await postgres.query(url, 'SELECT sum(requests) FROM flm.usage_day'), ['2']);
  assert.deepEqual(await postgres.query(url, 'SELECT sum(requests) FROM flm.usage_hour'), ['2']);
});

test('many proxies that count the same keys at the same moment lose and repeat nothing', {
  skip,
}, async (t) => {
  const { database, url } = await opened(t);
  const names = Array.from({ length: 50 }, (_, i) => `key_${i}`);
  await Promise.all(
    Array.from({ length: 12 }, async (_, writer) => {
      const batches = new UsageBatches(`w${writer}`);
      for (let round = 0; round < 5; round++) {
        const order = writer % 2 === 0 ? names : names.toReversed();
        for (const keyId of order) batches.add(sampleUsage({ keyId }));
        const batch = batches.next();
        assert.ok(batch);
        await writeBatch(database, batch);
        batches.acknowledge(batch);
      }
    }),
  );
  assert.deepEqual(await postgres.query(url, 'SELECT count(*), sum(requests) FROM flm.usage_day'), [
    '50|3000',
  ]);
  assert.deepEqual(
    await postgres.query(url, 'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()'),
    ['0'],
  );
});

test('a read of the tokens of today tells only what changed since, and the number of the last batch', {
  skip,
}, async (t) => {
  const { database } = await opened(t);
  const tokens = new TodayTokens();
  const read = (others: readonly string[] = []) => tokens.read(database, today, 'w', others);
  assert.deepEqual(await read(), {
    day: today,
    replaceAll: true,
    tokens: new Map(),
    sequence: 0,
    others: new Map(),
  });
  assert.equal(await read(), undefined);
  await writeBatch(database, batchOf('w', {}, { keyId: 'key_b', familyId: 'key_b' }));
  assert.deepEqual(await read(), {
    day: today,
    replaceAll: false,
    tokens: new Map([
      ['key_a', 7],
      ['key_b', 7],
    ]),
    sequence: 1,
    others: new Map(),
  });
  await writeBatch(
    database,
    batchOf('x', { keyId: 'key_c', familyId: 'key_b' }, { atMs: sometimeMs - 86_400_000 }),
  );
  const more = await read(['x', 'unknown']);
  assert.deepEqual(more?.tokens.get('key_b'), 14, 'the whole family, over all writers');
  assert.deepEqual(
    more?.others,
    new Map([
      ['x', 1],
      ['unknown', 0],
    ]),
  );
  assert.deepEqual(
    (await tokens.read(database, today + 1, 'w', []))?.tokens,
    new Map(),
    'another day begins at none',
  );
});

test('tokens of a transaction that ends after a read are in the next read', { skip }, async (t) => {
  const { database } = await opened(t);
  const tokens = new TodayTokens();
  let commit = (): void => {};
  const held = new Promise<void>((resolve) => {
    commit = resolve;
  });
  let written = (): void => {};
  const isWritten = new Promise<void>((resolve) => {
    written = resolve;
  });
  const slow = database.write(async (session) => {
    await insertBatch(session, batchOf('slow', {}), []);
    written();
    await held;
  });
  await isWritten;
  // A later transaction ends first.
  await writeBatch(database, batchOf('quick', { keyId: 'key_b' }));
  assert.deepEqual((await tokens.read(database, today, 'w', []))?.tokens, new Map([['key_b', 7]]));
  commit();
  await slow;
  assert.equal((await tokens.read(database, today, 'w', []))?.tokens.get('key_a'), 7);
});

test('a server that was restarted is read as a whole', { skip }, async (t) => {
  const { database } = await opened(t);
  const tokens = new TodayTokens();
  await writeBatch(database, batchOf('w', {}));
  await tokens.read(database, today, 'w', []);
  await postgres.stop('crash');
  await postgres.start();
  const again = await tokens.read(database, today, 'w', []);
  assert.deepEqual([again?.replaceAll, again?.tokens.get('key_a')], [true, 7]);
});

test('the usage of a family has all its keys and no other, by day and model', { skip }, async (t) => {
  const { database } = await opened(t);
  await writeBatch(
    database,
    batchOf(
      'w',
      {},
      { keyId: 'key_2', familyId: 'key_a' },
      { keyId: 'key_b', familyId: 'key_b' },
      { model: 'b' },
    ),
  );
  const counts = (requests: number) => ({
    requests,
    inputTokens: 3 * requests,
    outputTokens: 4 * requests,
    estimatedRequests: 0,
  });
  assert.deepEqual(await usageOfFamily(database, 'key_a', ['2025-06-15', '2025-06-14']), [
    { day: '2025-06-15', model: 'b', ...counts(1) },
    { day: '2025-06-15', model: 'llama3:8b', ...counts(2) },
  ]);
  assert.deepEqual(await usageOfFamily(database, "key_a' OR 1", ['2025-06-15']), []);
});
