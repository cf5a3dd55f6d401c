/**
 * Usage by hour and by day, and last use of keys, in `usage.db`.
 *
 *   usage_hour  --past its retention-->  usage_rollup (by UTC day)  --past its retention-->  deleted
 *   usage_day   the same requests by day, key and model, for daily budgets
 */
import assert from 'node:assert/strict';
import type { SQLInputValue } from 'node:sqlite';
import type {
  FamilyUsage,
  LastUse,
  Retention,
  UsageEntry,
  UsageRepository,
  UsageRow,
} from '../../core/security/ports.ts';
import type { UsageDimension, UsageQuery, UsageSlot } from '../../core/usage/usage-report.ts';
import { integer, text } from '../rows.ts';
import { UsageBatches } from '../usage-batches.ts';
import {
  countColumns,
  dayMs,
  dimensionColumns,
  familyUsageColumns,
  familyUsageOf,
  mostCounted,
  retentionRowOf,
  type StoredUsageTable,
  slotOf,
  usageRowOf,
  usageTables,
} from '../usage-columns.ts';
import { dayName, dayNumber, hourNumber, type UsageHourRow } from '../usage-row.ts';
import { deletePastAudit, refusalsPlace } from './audit-chain.ts';
import { deleteOldAudit } from './audit-repository.ts';
import type { Database } from './database.ts';

export class SqliteUsageRepository implements UsageRepository {
  readonly #db: Database;
  readonly #flm: Database;

  /** `flm` holds the audit of changes. */
  constructor(db: Database, flm: Database) {
    this.#db = db;
    this.#flm = flm;
  }

  async addUsage(entries: readonly UsageEntry[]): Promise<void> {
    const batches = new UsageBatches('');
    for (const entry of entries) batches.add(entry);
    const batch = batches.next();
    if (batch === undefined) return;
    this.#db.write(() => {
      addUsage(this.#db, batch.rows);
      addHours(this.#db, batch.hours);
      for (const [keyId, use] of batch.uses) touchKey(this.#db, keyId, use);
    });
  }

  async listUsage(fromDay: string): Promise<readonly UsageRow[]> {
    return this.#db.list(
      usageRowOf,
      `SELECT *, ${family} AS family FROM usage_day WHERE day >= ? ORDER BY day, key_id, model`,
      fromDay,
    );
  }

  async usageSlots(query: UsageQuery): Promise<readonly UsageSlot[]> {
    const db = this.#db;
    return db.read(() => {
      const largest = largestGroups(db, query);
      return usageTables.flatMap((table) =>
        db.list(
          (row) => slotOf(row, 'start' in row ? table.startMs(row, query) : 0),
          ...slotsSql(table, query, largest),
        ),
      );
    });
  }

  async retention(): Promise<Retention> {
    return retentionOf(this.#db);
  }

  async setRetention({ hourlyDays, dailyDays, auditDays }: Retention): Promise<void> {
    const sql = 'UPDATE retention SET hourly_days = ?, daily_days = ?, audit_days = ?';
    this.#db.write(() => this.#db.run(sql, hourlyDays, dailyDays, auditDays));
  }

  async applyRetention(nowMs: number): Promise<void> {
    this.#db.write(() => applyRetention(this.#db, nowMs));
    deleteOldAudit(this.#flm, nowMs - retentionOf(this.#db).auditDays * dayMs, nowMs);
  }
}

/** `total` adds as floating point and cannot overflow. */
function summed(column: string): string {
  return `CAST(min(total(${column}), ${mostCounted}) AS INTEGER) AS ${column}`;
}

/** The rows of a query in one table, with the start of their time, and the values of its parameters. */
function rowsSql(
  { name, time, first }: StoredUsageTable,
  { fromMs, toMs, where, timeless, stepStarts }: UsageQuery,
): [string, ...SQLInputValue[]] {
  const limits = Object.entries(where) as [UsageDimension, readonly string[]][];
  const conditions = limits
    .map(([dimension]) => `AND ${dimensionColumns[dimension]} IN (SELECT value FROM json_each(?))`)
    .join(' ');
  const values = limits.map(([, allowed]) => JSON.stringify(allowed));
  if (timeless === true || stepStarts === undefined) {
    const sql = `SELECT *, ${time} AS start FROM ${name} WHERE ${time} >= ? AND ${time} < ? ${conditions}`;
    return [sql, first(fromMs), first(toMs), ...values];
  }
  const steps = stepStarts.map((startMs, i) => [
    startMs,
    first(Math.max(startMs, fromMs)),
    first(Math.min(stepStarts[i + 1] ?? toMs, toMs)),
  ]);
  // The primary key begins with the time: each step is one range of it.
  const sql = `WITH step AS MATERIALIZED (
      SELECT value ->> 0 AS start, value ->> 1 AS first, value ->> 2 AS behind FROM json_each(?))
    SELECT ${name}.*, start FROM step CROSS JOIN ${name} WHERE ${time} >= first AND ${time} < behind ${conditions}`;
  return [sql, JSON.stringify(steps), ...values];
}

/** The groups with the most tokens in all tables; undefined where no group has to be left out. */
function largestGroups(db: Database, query: UsageQuery): readonly (readonly string[])[] | undefined {
  const { by, maxGroups } = query;
  if (maxGroups === undefined || by.length === 0) return undefined;
  const groups = by.map((dimension) => dimensionColumns[dimension]);
  const parts = usageTables.map((table) => rowsSql(table, { ...query, timeless: true }));
  const names = groups.join(', ');
  const used = parts.map(([sql]) => `SELECT ${names}, input_tokens, output_tokens, requests FROM (${sql})`);
  const found = db.list(
    (row) => groups.map((group) => text(row, group)),
    `SELECT ${names} FROM (${used.join(' UNION ALL ')}) GROUP BY ${names}
     ORDER BY total(input_tokens) + total(output_tokens) DESC, total(requests) DESC LIMIT ?`,
    ...parts.flatMap(([, ...values]) => values),
    maxGroups + 1,
  );
  return found.length > maxGroups ? found.slice(0, maxGroups) : undefined;
}

function slotsSql(
  table: StoredUsageTable,
  query: UsageQuery,
  largest: readonly (readonly string[])[] | undefined,
): [string, ...SQLInputValue[]] {
  const { by, timeless } = query;
  const [rows, ...values] = rowsSql(table, query);
  const groups = by.map((dimension) => dimensionColumns[dimension]);
  const times = timeless === true ? [] : ['start'];
  const sums = countColumns.map(summed);
  if (largest === undefined) {
    const columns = [...times, ...by.map((d) => `${dimensionColumns[d]} AS "${d}"`), ...sums];
    const grouped = [...times, ...groups];
    const sql = `SELECT ${columns.join(', ')} FROM (${rows})
      ${grouped.length === 0 ? 'HAVING count(*) > 0' : `GROUP BY ${grouped.join(', ')}`}`;
    return [sql, ...values];
  }
  const columns = [
    ...times,
    'listed',
    ...by.map((d) => `iif(listed, ${dimensionColumns[d]}, NULL) AS "${d}"`),
    ...sums,
  ];
  // Without the type of the column, SQLite makes no index for the join.
  const sql = `WITH largest AS MATERIALIZED (
      SELECT ${groups.map((group, i) => `CAST(value ->> ${i} AS TEXT) AS ${group}`).join(', ')}, 1 AS listed FROM json_each(?))
    SELECT ${columns.join(', ')}
    FROM (${rows}) LEFT JOIN largest USING (${groups.join(', ')})
    GROUP BY ${[...times, 'listed', ...groups.map((group) => `iif(listed, ${group}, NULL)`)].join(', ')}`;
  return [sql, JSON.stringify(largest), ...values];
}

function addTo(columns: readonly string[]): string {
  return columns.map((c) => `${c} = min(${c} + excluded.${c}, ${mostCounted})`).join(', ');
}

const insertHour = `INSERT INTO usage_hour
  (hour, key_id, model, engine, ending, family_id, ${countColumns.join(', ')})
  VALUES (${Array.from({ length: 6 + countColumns.length }, () => '?').join(', ')})
  ON CONFLICT (hour, key_id, model, engine, ending) DO UPDATE SET ${addTo(countColumns)}`;

/** Inside a write of `db`. */
export function addHours(db: Database, rows: readonly UsageHourRow[]): void {
  for (const row of rows) {
    db.run(
      insertHour,
      row.hour,
      row.keyId,
      row.model,
      row.engine,
      row.ending,
      row.familyId,
      row.requests,
      row.inputTokens,
      row.outputTokens,
      row.estimatedRequests,
      row.durationMs,
      row.cachedTokens,
      row.cachePromptTokens,
      ...row.firstByte,
    );
  }
}

export function retentionOf(db: Database): Retention {
  const stored = db.find(retentionRowOf, 'SELECT * FROM retention');
  assert(stored !== undefined, 'the migration wrote the retention');
  return stored;
}

/** Call it inside a write of `db`. See `UsageRepository.applyRetention`. */
export function applyRetention(db: Database, nowMs: number): void {
  const { hourlyDays, dailyDays, auditDays } = retentionOf(db);
  const today = dayNumber(nowMs);
  // Whole UTC days, so that no day is split.
  const firstHour = hourNumber((today - hourlyDays) * dayMs);
  db.run(
    `INSERT INTO usage_rollup (day, key_id, model, engine, ending, family_id, ${countColumns.join(', ')})
     SELECT strftime('%Y-%m-%d', hour * 3600, 'unixepoch') AS name, key_id, model, engine, ending, max(family_id),
       ${countColumns.map((c) => `CAST(min(total(${c}), ${mostCounted}) AS INTEGER)`).join(', ')}
     FROM usage_hour WHERE hour < ? GROUP BY name, key_id, model, engine, ending
     ON CONFLICT (day, key_id, model, engine, ending) DO UPDATE SET ${addTo(countColumns)}`,
    firstHour,
  );
  db.run('DELETE FROM usage_hour WHERE hour < ?', firstHour);
  const firstDay = dayName(today - dailyDays);
  db.run('DELETE FROM usage_rollup WHERE day < ?', firstDay);
  db.run('DELETE FROM usage_day WHERE day < ?', firstDay);
  const beforeMs = nowMs - auditDays * dayMs;
  deletePastAudit(db, refusalsPlace, beforeMs, nowMs);
  // Entries about changes, which flm 0.1.0 wrote here and this flm has copied.
  db.run('DELETE FROM audit WHERE seq IS NULL AND at < ?', beforeMs);
}

/** Rows of an flm without families count only for the key. */
const family = "iif(family_id = '', key_id, family_id)";

const insertDay = `INSERT INTO usage_day (day, key_id, family_id, model, ${familyUsageColumns.join(', ')})
  VALUES (?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (day, key_id, model) DO UPDATE SET family_id = excluded.family_id, ${addTo(familyUsageColumns)}`;

/** Inside a write of `db`. */
export function addUsage(db: Database, rows: readonly UsageRow[]): void {
  for (const row of rows) {
    db.run(
      insertDay,
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

/** Call it inside a write of `db`. An older use does not replace a newer one. */
export function touchKey(db: Database, keyId: string, use: LastUse): void {
  db.run(
    `INSERT INTO last_used (key_id, at, address) VALUES (?, ?, ?) ON CONFLICT (key_id) DO UPDATE
     SET at = excluded.at, address = excluded.address WHERE excluded.at >= last_used.at`,
    keyId,
    use.atMs,
    use.address,
  );
}

/**
 * Returns the tokens of each family of keys on a day, over all proxies. `total` adds as floating point and cannot
 * overflow.
 */
export function tokensByFamily(db: Database, day: string): ReadonlyMap<string, number> {
  const rows = db.list(
    (row): [string, number] => [text(row, 'family'), integer(row, 'tokens')],
    `SELECT ${family} AS family, CAST(min(total(input_tokens) + total(output_tokens), ${mostCounted}) AS INTEGER) AS tokens
     FROM usage_day WHERE day = ? GROUP BY family`,
    day,
  );
  return new Map(rows);
}

/**
 * Returns the usage of a family of keys on the given days, by day and model. An index finds the rows, so that the cost
 * does not grow with other keys. Rows of an flm without families have no family and count for the key.
 */
export function usageOfFamily(
  db: Database,
  familyId: string,
  days: readonly string[],
): readonly FamilyUsage[] {
  const list = JSON.stringify(days);
  return db.list(
    familyUsageOf,
    `SELECT day, model, ${familyUsageColumns.map(summed).join(', ')} FROM (
       SELECT * FROM usage_day INDEXED BY usage_day_by_family
       WHERE family_id = ? AND day IN (SELECT value FROM json_each(?))
       UNION ALL
       SELECT * FROM usage_day
       WHERE family_id = '' AND key_id = ? AND day IN (SELECT value FROM json_each(?)))
     GROUP BY day, model ORDER BY day, model`,
    familyId,
    list,
    familyId,
    list,
  );
}
