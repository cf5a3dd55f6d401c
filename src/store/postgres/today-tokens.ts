/**
 * The tokens that each family of keys has used today, over all proxies. Reads only the families whose usage was written
 * since the last read.
 *
 * Rows carry the transaction that wrote them. A transaction that was running at the last read may have committed since,
 * so the next read begins at the oldest one of these. A row that is read twice does no harm, because totals replace.
 */
import { integer, type Row, text } from '../rows.ts';
import type { UsageTotals } from '../usage-batches.ts';
import { mostCounted } from '../usage-columns.ts';
import { dayName } from '../usage-row.ts';
import type { SqlSession } from './sql-session.ts';

interface LastRead {
  readonly day: number;
  /** The server that answered; transaction numbers of another one mean nothing. */
  readonly server: string;
  /** The oldest transaction that was running. */
  readonly horizon: string;
  readonly sequence: number;
}

interface Part {
  readonly kind: 'family' | 'writer' | 'server' | 'horizon';
  readonly name: string;
  readonly value: number;
}

const sql = `
  SELECT 'family' AS kind, family_id AS name,
    least(sum(input_tokens + output_tokens), ${mostCounted})::bigint AS value
  FROM flm.usage_day WHERE day = $1 AND family_id IN (
    SELECT family_id FROM flm.usage_day WHERE day = $1 AND written_by >= $2::xid8)
  GROUP BY family_id
  UNION ALL SELECT 'writer', writer, sequence FROM flm.flush WHERE writer = ANY ($3::text[])
  UNION ALL SELECT 'server', store || ' ' || extract(epoch FROM pg_postmaster_start_time()), 0 FROM flm.revision
  UNION ALL SELECT 'horizon', pg_snapshot_xmin(pg_current_snapshot())::text, 0`;

export class TodayTokens {
  #last: LastRead | undefined;

  /** Returns the totals that changed since the last call; undefined if none did. */
  async read(
    database: SqlSession,
    day: number,
    writer: string,
    others: readonly string[],
  ): Promise<UsageTotals | undefined> {
    const before = this.#last?.day === day ? this.#last : undefined;
    let parts = await partsOf(database, day, before?.horizon, [writer, ...others]);
    const isSame = before !== undefined && nameOf(parts, 'server') === before.server;
    if (before !== undefined && !isSame) parts = await partsOf(database, day, undefined, [writer, ...others]);
    const sequences = new Map(parts.filter((p) => p.kind === 'writer').map((p) => [p.name, p.value]));
    const tokens = new Map(parts.filter((p) => p.kind === 'family').map((p) => [p.name, p.value]));
    const sequence = sequences.get(writer) ?? 0;
    this.#last = { day, server: nameOf(parts, 'server'), horizon: nameOf(parts, 'horizon'), sequence };
    if (isSame && tokens.size === 0 && sequence === before.sequence && others.length === 0) return undefined;
    return {
      day,
      replaceAll: !isSame,
      tokens,
      sequence,
      others: new Map(others.map((other) => [other, sequences.get(other) ?? 0])),
    };
  }
}

function partsOf(
  database: SqlSession,
  day: number,
  horizon: string | undefined,
  writers: readonly string[],
): Promise<readonly Part[]> {
  return database.list(partOf, sql, dayName(day), horizon ?? '0', writers);
}

function partOf(row: Row): Part {
  // One of the constants of the statement.
  return { kind: text(row, 'kind') as Part['kind'], name: text(row, 'name'), value: integer(row, 'value') };
}

function nameOf(parts: readonly Part[], kind: Part['kind']): string {
  return parts.find((part) => part.kind === kind)?.name ?? '';
}
