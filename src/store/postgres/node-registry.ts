/**
 * The running proxies that share a database. Each proxy writes a heartbeat, deletes its row when it ends, and removes
 * the rows of proxies that were silent for ten minutes. The server's clock measures that time.
 */
import type { NodeReport } from '../store.ts';
import type { SqlSession } from './sql-session.ts';

export async function writeHeartbeat(
  database: SqlSession,
  node: NodeReport,
  revision: number,
): Promise<void> {
  await database.list(
    () => undefined,
    `WITH silent AS (DELETE FROM flm.nodes WHERE seen_at < now() - interval '10 minutes' AND id <> $1)
     INSERT INTO flm.nodes (id, name, version, url, started_at, seen_at, revision, report)
     VALUES ($1, $2, $3, $4, $5, now(), $6, $7::jsonb)
     ON CONFLICT (id) DO UPDATE SET name = excluded.name, version = excluded.version, url = excluded.url,
       seen_at = excluded.seen_at, revision = excluded.revision, report = excluded.report`,
    node.id,
    node.name,
    node.version,
    node.url,
    node.startedAtMs,
    revision,
    JSON.stringify(node.report),
  );
}

export async function deleteHeartbeat(database: SqlSession, id: string): Promise<void> {
  await database.list(() => undefined, 'DELETE FROM flm.nodes WHERE id = $1', id);
}
