/**
 * Usage by hour and by day, as in SQLite:
 *
 *   usage_hour  --past its retention-->  usage_rollup (by UTC day)  --past its retention-->  deleted
 *   usage_day   the same requests by day, key and model, for daily budgets
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type {
  FamilyUsage,
  Retention,
  UsageEntry,
  UsageRepository,
  UsageRow,
} from '../../core/security/ports.ts';
import type { UsageDimension, UsageQuery, UsageSlot } from '../../core/usage/usage-report.ts';
import { text } from '../rows.ts';
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
import { dayName, dayNumber, hourNumber } from '../usage-row.ts';
import { chainOlderEntries, chainPlaces, deletePastAudit } from './audit-chain.ts';
import type { PostgresDatabase } from './database.ts';
import type { SqlSession, SqlValue } from './sql-session.ts';
import { insertBatch } from './usage-batch.ts';

export class PostgresUsageRepository implements UsageRepository {
  readonly #db: PostgresDatabase;

  constructor(db: PostgresDatabase) {
    this.#db = db;
  }

  async addUsage(entries: readonly UsageEntry[]): Promise<void> {
    const batches = new UsageBatches(randomUUID());
    for (const entry of entries) batches.add(entry);
    const batch = batches.next();
    if (batch === undefined) return;
    await this.#db.write(async (session) => {
      await insertBatch(session, batch, []);
      await session.run('DELETE FROM flm.flush WHERE writer = $1', batch.writer);
    });
  }

  async listUsage(fromDay: string): Promise<readonly UsageRow[]> {
    const sql =
      'SELECT *, family_id AS family FROM flm.usage_day WHERE day >= $1 ORDER BY day, key_id, model';
    return this.#db.list(usageRowOf, sql, fromDay);
  }

  async usageSlots(query: UsageQuery): Promise<readonly UsageSlot[]> {
    return this.#db.read(async (session) => {
      const largest = await largestGroups(session, query);
      const slots: UsageSlot[] = [];
      for (const table of usageTables) {
        const [sql, ...values] = slotsSql(table, query, largest);
        slots.push(
          ...(await session.list(
            (row) => slotOf(row, 'start' in row ? table.startMs(row, query) : 0),
            sql,
            ...values,
          )),
        );
      }
      return slots;
    });
  }

  async retention(): Promise<Retention> {
    return retentionOf(this.#db);
  }

  async setRetention({ hourlyDays, dailyDays, auditDays }: Retention): Promise<void> {
    const sql = 'UPDATE flm.retention SET hourly_days = $1, daily_days = $2, audit_days = $3';
    await this.#db.run(sql, hourlyDays, dailyDays, auditDays);
  }

  async applyRetention(nowMs: number): Promise<void> {
    await applyRetention(this.#db, nowMs);
  }
}

/** The usage of one family of keys by day and model. An index finds the rows, so other keys cost nothing. */
export function usageOfFamily(
  session: SqlSession,
  familyId: string,
  days: readonly string[],
): Promise<readonly FamilyUsage[]> {
  return session.list(
    familyUsageOf,
    `SELECT day, model, ${familyUsageColumns.map(summed).join(', ')} FROM flm.usage_day
     WHERE family_id = $1 AND day = ANY ($2::text[]) GROUP BY day, model ORDER BY day, model`,
    familyId,
    days,
  );
}

/**
 * Writes usage in one transaction and the audit in another one. Two nodes that do it at the same moment do it one after
 * the other.
 */
export async function applyRetention(db: PostgresDatabase, nowMs: number): Promise<void> {
  let auditBeforeMs = 0;
  await db.write(async (session) => {
    await session.list(() => undefined, 'SELECT 1 FROM flm.retention FOR UPDATE');
    const { hourlyDays, dailyDays, auditDays } = await retentionOf(session);
    const today = dayNumber(nowMs);
    // Whole UTC days, so that no day is split.
    const firstHour = hourNumber((today - hourlyDays) * dayMs);
    const counts = countColumns.join(', ');
    await session.run(
      `WITH past AS (DELETE FROM flm.usage_hour WHERE hour < $1 RETURNING *)
       INSERT INTO flm.usage_rollup AS kept (day, key_id, model, engine, ending, family_id, ${counts})
       SELECT to_char(to_timestamp(hour * 3600) AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS name, key_id, model, engine, ending,
         max(family_id), ${countColumns.map(summed).join(', ')}
       FROM past GROUP BY name, key_id, model, engine, ending
       ON CONFLICT (day, key_id, model, engine, ending) DO UPDATE SET
         ${countColumns.map((c) => `${c} = least(kept.${c} + excluded.${c}, ${mostCounted})`).join(', ')}`,
      firstHour,
    );
    const firstDay = dayName(today - dailyDays);
    await session.run('DELETE FROM flm.usage_rollup WHERE day < $1', firstDay);
    await session.run('DELETE FROM flm.usage_day WHERE day < $1', firstDay);
    auditBeforeMs = nowMs - auditDays * dayMs;
  });
  // In the order in which changes lock their rows, and without the rows of usage that the batches of proxies wait for.
  await db.inOrder(async (session) => {
    for (const place of chainPlaces) {
      await chainOlderEntries(session, place, nowMs);
      await deletePastAudit(session, place, auditBeforeMs, nowMs);
    }
  });
}

async function retentionOf(session: SqlSession): Promise<Retention> {
  const stored = await session.find(retentionRowOf, 'SELECT * FROM flm.retention');
  assert(stored !== undefined, 'the migration wrote the retention');
  return stored;
}

/** Sums of whole numbers are exact in PostgreSQL. */
function summed(column: string): string {
  return `least(sum(${column}), ${mostCounted})::bigint AS ${column}`;
}

/** Numbers the parameters of a statement that is made of several parts. */
class Parameters {
  readonly values: SqlValue[] = [];

  add(value: SqlValue): string {
    return `$${this.values.push(value)}`;
  }
}

/** The rows of a query in one table, with the start of their time. */
function rowsSql(
  { name, time, first }: StoredUsageTable,
  { fromMs, toMs, where, timeless, stepStarts }: UsageQuery,
  parameters: Parameters,
): string {
  const timeType = time === 'hour' ? 'bigint' : 'text';
  const limits = Object.entries(where) as [UsageDimension, readonly string[]][];
  const conditions = limits
    .map(
      ([dimension, allowed]) =>
        `AND ${dimensionColumns[dimension]} = ANY (${parameters.add(allowed)}::text[])`,
    )
    .join(' ');
  if (timeless === true || stepStarts === undefined)
    return `SELECT *, ${time} AS start FROM flm.${name}
      WHERE ${time} >= ${parameters.add(first(fromMs))} AND ${time} < ${parameters.add(first(toMs))} ${conditions}`;
  const firsts = stepStarts.map((startMs) => String(first(Math.max(startMs, fromMs))));
  const behinds = stepStarts.map((_, i) => String(first(Math.min(stepStarts[i + 1] ?? toMs, toMs))));
  const lists = [`${parameters.add(stepStarts)}::bigint[]`];
  for (const list of [firsts, behinds]) lists.push(`${parameters.add(list)}::text[]::${timeType}[]`);
  // The primary key begins with the time: each step is one range of it.
  return `SELECT used.*, start FROM unnest(${lists.join(', ')}) AS step (start, first, behind)
    JOIN flm.${name} AS used ON used.${time} >= step.first AND used.${time} < step.behind ${conditions}`;
}

/** The groups with the most tokens in all tables; undefined where no group has to be left out. */
async function largestGroups(
  session: SqlSession,
  query: UsageQuery,
): Promise<readonly (readonly string[])[] | undefined> {
  const { by, maxGroups } = query;
  if (maxGroups === undefined || by.length === 0) return undefined;
  const groups = by.map((dimension) => dimensionColumns[dimension]);
  const names = groups.join(', ');
  const parameters = new Parameters();
  const used = usageTables.map(
    (table) =>
      `SELECT ${names}, input_tokens, output_tokens, requests
       FROM (${rowsSql(table, { ...query, timeless: true }, parameters)}) AS found`,
  );
  const found = await session.list(
    (row) => groups.map((group) => text(row, group)),
    `SELECT ${names} FROM (${used.join(' UNION ALL ')}) AS used GROUP BY ${names}
     ORDER BY sum(input_tokens) + sum(output_tokens) DESC, sum(requests) DESC LIMIT ${parameters.add(maxGroups + 1)}`,
    ...parameters.values,
  );
  return found.length > maxGroups ? found.slice(0, maxGroups) : undefined;
}

function slotsSql(
  table: StoredUsageTable,
  query: UsageQuery,
  largest: readonly (readonly string[])[] | undefined,
): [string, ...SqlValue[]] {
  const { by, timeless } = query;
  const parameters = new Parameters();
  const rows = rowsSql(table, query, parameters);
  const groups = by.map((dimension) => dimensionColumns[dimension]);
  const times = timeless === true ? [] : ['start'];
  const sums = countColumns.map(summed);
  if (largest === undefined) {
    const columns = [...times, ...by.map((d) => `${dimensionColumns[d]} AS "${d}"`), ...sums];
    const grouped = [...times, ...groups];
    const sql = `SELECT ${columns.join(', ')} FROM (${rows}) AS used
      ${grouped.length === 0 ? 'HAVING count(*) > 0' : `GROUP BY ${grouped.join(', ')}`}`;
    return [sql, ...parameters.values];
  }
  const ofListed = groups.map((group) => `CASE WHEN listed THEN ${group} END`);
  const columns = [...times, 'listed', ...by.map((d, i) => `${ofListed[i]} AS "${d}"`), ...sums];
  const lists = groups.map((_, i) => `${parameters.add(largest.map((names) => names[i] ?? ''))}::text[]`);
  const sql = `SELECT ${columns.join(', ')}
    FROM (${rows}) AS used
    LEFT JOIN (SELECT *, true AS listed FROM unnest(${lists.join(', ')}) AS named (${groups.join(', ')})) AS largest
      USING (${groups.join(', ')})
    GROUP BY ${[...times, 'listed', ...ofListed].join(', ')}`;
  return [sql, ...parameters.values];
}
