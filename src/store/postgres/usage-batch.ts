/**
 * Writes one batch of usage to PostgreSQL exactly once, in one statement for all tables.
 *
 * The statement first stores the number of the batch. If that number is stored already, it writes nothing, so a batch
 * can be sent again after any failure. A second try that comes while the server still works on the first one waits for
 * it. Rows are written in the order of their keys: two proxies that count the same keys do not deadlock.
 */
import type { ChainedEntry } from '../../core/audit/audit-chain.ts';
import type { LastUse, UsageRow } from '../../core/security/ports.ts';
import type { UsageBatch } from '../usage-batches.ts';
import { countColumns, familyUsageColumns, firstByteColumns, mostCounted } from '../usage-columns.ts';
import { cappedSum, type UsageHourRow } from '../usage-row.ts';
import { chainedRows, deleteTooMany, lockedState, refusalsPlace } from './audit-chain.ts';
import type { PostgresDatabase } from './database.ts';
import type { SqlSession, SqlValue } from './sql-session.ts';

/** Lists of equal length, one for each column of a table. Lists of the driver hold no null; `optional`: '' is null. */
type Columns = readonly (readonly [name: string, type: 'text' | 'optional' | 'bigint', values: ListValue])[];
type ListValue = readonly string[] | readonly number[];

/** Refused logins are added to their chain, under its lock. A batch without them is one statement. */
export async function writeBatch(database: PostgresDatabase, batch: UsageBatch): Promise<void> {
  if (batch.audit.length === 0) return void (await insertBatch(database, batch, []));
  await database.write(async (session) => {
    const state = await lockedState(session, refusalsPlace);
    const refusals = chainedRows(refusalsPlace, state.head, batch.audit);
    const isStored = await insertBatch(session, batch, refusals);
    const last = refusals.at(-1);
    if (!isStored || last === undefined) return;
    const head = { seq: last.seq, hash: last.hash };
    await deleteTooMany(session, refusalsPlace, { ...state, head }, last.atMs);
  });
}

/** Returns false if the batch was stored before. `session` may repeat the statement. */
export async function insertBatch(
  session: SqlSession,
  batch: UsageBatch,
  refusals: readonly ChainedEntry[],
): Promise<boolean> {
  const values: SqlValue[] = [batch.writer, batch.sequence];
  const rows = (columns: Columns): string => {
    const first = values.length;
    for (const [, , list] of columns) values.push(list);
    const lists = columns.map(([, type], i) => `$${first + i + 1}::${type === 'bigint' ? type : 'text'}[]`);
    const names = columns.map(([name]) => name).join(', ');
    const given = columns
      .map(([name, type]) => (type === 'optional' ? `nullif(${name}, '')` : name))
      .join(', ');
    return `(${names}) SELECT ${given} FROM unnest(${lists.join(', ')}) AS given (${names})
      WHERE EXISTS (SELECT FROM fresh)`;
  };
  const sql = `
    WITH fresh AS (
      INSERT INTO flm.flush (writer, sequence, at)
      VALUES ($1, $2, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)
      ON CONFLICT (writer) DO UPDATE SET sequence = excluded.sequence, at = excluded.at
      WHERE flush.sequence < excluded.sequence RETURNING 1),
    days AS (
      INSERT INTO flm.usage_day ${rows(dayColumns(batch.rows))}
      ON CONFLICT (day, key_id, model) DO UPDATE
      SET family_id = excluded.family_id, ${addTo('usage_day', familyUsageColumns)}),
    hours AS (
      INSERT INTO flm.usage_hour ${rows(hourColumns(batch.hours))}
      ON CONFLICT (hour, key_id, model, engine, ending) DO UPDATE SET ${addTo('usage_hour', countColumns)}),
    uses AS (
      INSERT INTO flm.last_used ${rows(useColumns(batch.uses))}
      ON CONFLICT (key_id) DO UPDATE SET at = excluded.at, address = excluded.address
      WHERE excluded.at >= last_used.at),
    refusals AS (INSERT INTO flm.refusal ${rows(refusalColumns(refusals))} RETURNING seq, hash),
    chain AS (UPDATE flm.refusal_chain SET head_seq = newest.seq, head_hash = newest.hash
      FROM (SELECT seq, hash FROM refusals ORDER BY seq DESC LIMIT 1) AS newest)
    SELECT 1 FROM fresh`;
  return (await session.find(() => true, sql, ...values)) ?? false;
}

function addTo(table: string, columns: readonly string[]): string {
  return columns.map((c) => `${c} = least(${table}.${c} + excluded.${c}, ${mostCounted})`).join(', ');
}

function dayColumns(rows: readonly UsageRow[]): Columns {
  const sorted = rows.toSorted(
    (a, b) => compare(a.day, b.day) || compare(a.keyId, b.keyId) || compare(a.model, b.model),
  );
  return [
    ['day', 'text', sorted.map(({ day }) => day)],
    ['key_id', 'text', sorted.map(({ keyId }) => keyId)],
    ['family_id', 'text', sorted.map(({ familyId }) => familyId)],
    ['model', 'text', sorted.map(({ model }) => model)],
    ['requests', 'bigint', sorted.map(({ requests }) => requests)],
    ['input_tokens', 'bigint', sorted.map(({ inputTokens }) => inputTokens)],
    ['output_tokens', 'bigint', sorted.map(({ outputTokens }) => outputTokens)],
    ['estimated_requests', 'bigint', sorted.map(({ estimatedRequests }) => estimatedRequests)],
  ];
}

function hourColumns(rows: readonly UsageHourRow[]): Columns {
  const sorted = [...merged(rows)].sort(
    (a, b) =>
      a.hour - b.hour ||
      compare(a.keyId, b.keyId) ||
      compare(a.model, b.model) ||
      compare(a.engine, b.engine) ||
      compare(a.ending, b.ending),
  );
  return [
    ['hour', 'bigint', sorted.map(({ hour }) => hour)],
    ['key_id', 'text', sorted.map(({ keyId }) => keyId)],
    ['model', 'text', sorted.map(({ model }) => model)],
    ['engine', 'text', sorted.map(({ engine }) => engine)],
    ['ending', 'text', sorted.map(({ ending }) => ending)],
    ['family_id', 'text', sorted.map(({ familyId }) => familyId)],
    ['requests', 'bigint', sorted.map(({ requests }) => requests)],
    ['input_tokens', 'bigint', sorted.map(({ inputTokens }) => inputTokens)],
    ['output_tokens', 'bigint', sorted.map(({ outputTokens }) => outputTokens)],
    ['estimated_requests', 'bigint', sorted.map(({ estimatedRequests }) => estimatedRequests)],
    ['duration_ms', 'bigint', sorted.map(({ durationMs }) => durationMs)],
    ['cached_tokens', 'bigint', sorted.map(({ cachedTokens }) => cachedTokens)],
    ['cache_prompt_tokens', 'bigint', sorted.map(({ cachePromptTokens }) => cachePromptTokens)],
    ...firstByteColumns.map(
      (name, i) => [name, 'bigint', sorted.map(({ firstByte }) => firstByte[i] ?? 0)] as const,
    ),
  ];
}

/** Rows that differ only in `answered` are one row of the table, and a statement may touch a row once. */
function merged(rows: readonly UsageHourRow[]): Iterable<UsageHourRow> {
  const found = new Map<string, UsageHourRow>();
  for (const row of rows) {
    const { hour, keyId, model, engine, ending } = row;
    const name = JSON.stringify([hour, keyId, model, engine, ending]);
    const before = found.get(name);
    found.set(name, before === undefined ? row : sumOf(before, row));
  }
  return found.values();
}

function sumOf(a: UsageHourRow, b: UsageHourRow): UsageHourRow {
  return {
    ...a,
    requests: cappedSum(a.requests, b.requests),
    inputTokens: cappedSum(a.inputTokens, b.inputTokens),
    outputTokens: cappedSum(a.outputTokens, b.outputTokens),
    estimatedRequests: cappedSum(a.estimatedRequests, b.estimatedRequests),
    durationMs: cappedSum(a.durationMs, b.durationMs),
    cachedTokens: cappedSum(a.cachedTokens, b.cachedTokens),
    cachePromptTokens: cappedSum(a.cachePromptTokens, b.cachePromptTokens),
    firstByte: a.firstByte.map((count, i) => cappedSum(count, b.firstByte[i] ?? 0)),
  };
}

function useColumns(uses: ReadonlyMap<string, LastUse>): Columns {
  const sorted = [...uses].sort(([a], [b]) => compare(a, b));
  return [
    ['key_id', 'text', sorted.map(([keyId]) => keyId)],
    ['at', 'bigint', sorted.map(([, { atMs }]) => atMs)],
    ['address', 'text', sorted.map(([, { address }]) => address)],
  ];
}

function refusalColumns(entries: readonly ChainedEntry[]): Columns {
  return [
    ['at', 'bigint', entries.map(({ atMs }) => atMs)],
    ['actor', 'text', entries.map(({ actor }) => actor)],
    ['action', 'text', entries.map(({ action }) => action)],
    ['subject', 'text', entries.map(({ subject }) => subject)],
    // JSON, so never an empty text.
    ['before', 'optional', entries.map(({ before = '' }) => before)],
    ['after', 'optional', entries.map(({ after = '' }) => after)],
    ['seq', 'bigint', entries.map(({ seq }) => seq)],
    ['hash', 'text', entries.map(({ hash }) => hash)],
  ];
}

/** By code unit, as every proxy sorts. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
