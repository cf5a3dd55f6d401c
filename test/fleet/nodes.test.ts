/** The fleet view: what `flm proxy status --fleet` and the admin API show of proxies with one PostgreSQL. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fleetNode } from '../../src/core/proxy/fleet-node.ts';
import { PostgresFleetDirectory } from '../../src/store/postgres/fleet-directory.ts';
import { noPostgres, postgresForFile } from '../helpers/postgres-server.ts';
import { postgresDatabase } from '../helpers/postgres-store.ts';

const postgres = postgresForFile();
const skip = noPostgres;

test('the fleet view shows each node with its load and how many changes it is behind', {
  skip,
}, async (t) => {
  const url = await postgres.database(t);
  const database = postgresDatabase(t, url);
  await database.open();
  for (let i = 0; i < 3; i++)
    await database.change(async (session) => session.run("DELETE FROM flm.deleted WHERE id = 'x'"));
  const insert = (name: string, revision: number, seen: string, report: string): Promise<number> =>
    database.run(
      `INSERT INTO flm.nodes VALUES ($1, $2, '0.1.0', 'http://h:1', 0, now() - $3::interval, $4, $5::jsonb)`,
      ...[`px_${name}`, name, seen, revision, report],
    );
  await insert('b', 1, '11 seconds', '{"draining":true}');
  await insert(
    'a',
    3,
    '0 seconds',
    '{"inFlight":4,"queued":1,"engines":[{"id":"a","state":"running"},{"id":"b","state":"down"}],"limits":"shared"}',
  );
  const { revision, nodes } = await new PostgresFleetDirectory(database).fleet();
  assert.equal(revision, 3);
  assert.deepEqual(
    nodes.map(({ silentMs, ...node }) => ({ ...node, late: silentMs >= 10_000 })),
    [
      {
        ...{
          id: 'px_a',
          name: 'a',
          version: '0.1.0',
          url: 'http://h:1',
          startedAt: '1970-01-01T00:00:00.000Z',
        },
        ...{ revision: 3, behind: 0, state: 'serving', late: false },
        ...{ inFlight: 4, queued: 1, engines: 2, enginesUp: 1, limits: 'shared' },
      },
      {
        ...{
          id: 'px_b',
          name: 'b',
          version: '0.1.0',
          url: 'http://h:1',
          startedAt: '1970-01-01T00:00:00.000Z',
        },
        ...{ revision: 1, behind: 2, state: 'silent', late: true },
      },
    ],
  );
});

test('a node of another version is shown, whatever it reports', () => {
  const known = { id: 'px', name: 'n', version: '9', url: 'u', startedAtMs: 0, silentMs: 0, revision: 5 };
  for (const report of [{ inFlight: 'many', draining: 1 }, null, [], { more: true }]) {
    const node = fleetNode({ ...known, report }, 4);
    assert.deepEqual([node.state, node.behind, node.inFlight], ['serving', 0, undefined]);
  }
});
