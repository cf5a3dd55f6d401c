/** Reads the nodes of a fleet and the last change, from one snapshot of the database. */
import { type Fleet, type FleetDirectory, fleetNode } from '../../core/proxy/fleet-node.ts';
import { integer, text } from '../rows.ts';
import type { PostgresDatabase } from './database.ts';

export class PostgresFleetDirectory implements FleetDirectory {
  readonly #db: PostgresDatabase;

  constructor(db: PostgresDatabase) {
    this.#db = db;
  }

  fleet(): Promise<Fleet> {
    return this.#db.read(async (session) => {
      const revision =
        (await session.find((row) => integer(row, 'value'), 'SELECT value FROM flm.revision')) ?? 0;
      const stored = await session.list(
        (row) => ({
          id: text(row, 'id'),
          name: text(row, 'name'),
          version: text(row, 'version'),
          url: text(row, 'url'),
          startedAtMs: integer(row, 'started_at'),
          silentMs: integer(row, 'silent_ms'),
          revision: integer(row, 'revision'),
          report: row.report,
        }),
        `SELECT id, name, version, url, started_at, revision, report,
                greatest(0, floor(extract(epoch FROM clock_timestamp() - seen_at) * 1000))::bigint AS silent_ms
         FROM flm.nodes ORDER BY name, started_at, id`,
      );
      return { revision, nodes: stored.map((node) => fleetNode(node, revision)) };
    });
  }
}
