/** The PostgreSQL server of the tests itself: what a test relies on when it stops, ends or restarts the server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noPostgres, postgresForFile } from '../helpers/postgres-server.ts';

const postgres = postgresForFile();

test('each test has an empty database of its own', { skip: noPostgres }, async (t) => {
  const [one, two] = [await postgres.database(t), await postgres.database(t)];
  await postgres.query(one, 'CREATE TABLE a (b int)');
  const tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
  assert.deepEqual(await postgres.query(one, tables), ['1']);
  assert.deepEqual(await postgres.query(two, tables), ['0']);
});

for (const mode of ['fast', 'crash'] as const)
  test(`what was committed before a ${mode} stop is there after the next start`, {
    skip: noPostgres,
  }, async (t) => {
    const url = await postgres.database(t);
    await postgres.query(url, 'CREATE TABLE a (b int)');
    await postgres.query(url, 'INSERT INTO a VALUES (1), (2)');
    const port = postgres.port();
    await postgres.stop(mode);
    await assert.rejects(postgres.query(url, 'SELECT 1'), /refused/);
    await postgres.start();
    assert.equal(postgres.port(), port);
    assert.deepEqual(await postgres.query(url, 'SELECT b, b + 1 FROM a ORDER BY b'), ['1|2', '2|3']);
  });
