/** Usage by day and last use of keys in `usage.db`. */
import type { LastUse, UsageEntry, UsageRepository, UsageRow } from '../../core/security/ports.ts';
import { usageRowOf } from '../usage-row.ts';
import type { Database } from './database.ts';
import { integer, type Row, text } from './rows.ts';

/** The largest whole number that JavaScript reads back exactly; sums stop there instead of failing every later read. */
const most = Number.MAX_SAFE_INTEGER;

export class SqliteUsageRepository implements UsageRepository {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async addUsage(entries: readonly UsageEntry[]): Promise<void> {
    this.#db.write(() => {
      addUsage(this.#db, entries.map(usageRowOf));
      for (const { keyId, atMs, address } of entries) touchKey(this.#db, keyId, { atMs, address });
    });
  }

  async listUsage(fromDay: string): Promise<readonly UsageRow[]> {
    return this.#db.list(
      usageOf,
      `SELECT *, ${family} AS family FROM usage_day WHERE day >= ? ORDER BY day, key_id, model`,
      fromDay,
    );
  }
}

/** Rows of a flm that knew no families count for the key alone. */
const family = "iif(family_id = '', key_id, family_id)";

/** Inside a write of `db`. */
export function addUsage(db: Database, rows: readonly UsageRow[]): void {
  for (const row of rows) {
    db.run(
      `INSERT INTO usage_day 
         (day, key_id, family_id, model, requests, input_tokens, output_tokens, estimated_requests)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (day, key_id, model) DO UPDATE SET
         family_id = excluded.family_id,
         requests = min(requests + excluded.requests, ${most}),
         input_tokens = min(input_tokens + excluded.input_tokens, ${most}),
         output_tokens = min(output_tokens + excluded.output_tokens, ${most}),
         estimated_requests = min(estimated_requests + excluded.estimated_requests, ${most})`,
      row.day,
      row.keyId,
      row.familyId,
      row.model,
      row.requests,
      row.inputTokens,
      row.outputTokens,
      row.estimatedRequests,
    );
  }
}

/** Inside a write of `db`. An older use does not replace a newer one. */
export function touchKey(db: Database, keyId: string, use: LastUse): void {
  db.run(
    `INSERT INTO last_used (key_id, at, address) VALUES (?, ?, ?) ON CONFLICT (key_id) DO UPDATE
     SET at = excluded.at, address = excluded.address WHERE excluded.at >= last_used.at`,
    keyId,
    use.atMs,
    use.address,
  );
}

/** Tokens of each family of keys on a day, over all proxies. `total` adds as floating point and cannot overflow. */
export function tokensByFamily(db: Database, day: string): ReadonlyMap<string, number> {
  const rows = db.list(
    (row): [string, number] => [text(row, 'family'), integer(row, 'tokens')],
    `SELECT ${family} AS family, CAST(min(total(input_tokens) + total(output_tokens), ${most}) AS INTEGER) AS tokens
     FROM usage_day WHERE day = ? GROUP BY family`,
    day,
  );
  return new Map(rows);
}

function usageOf(row: Row): UsageRow {
  return {
    day: text(row, 'day'),
    keyId: text(row, 'key_id'),
    familyId: text(row, 'family'),
    model: text(row, 'model'),
    requests: integer(row, 'requests'),
    inputTokens: integer(row, 'input_tokens'),
    outputTokens: integer(row, 'output_tokens'),
    estimatedRequests: integer(row, 'estimated_requests'),
  };
}
