/**
 * Runs SQL statements on one connection, and converts values between JavaScript and PostgreSQL. Every failure is thrown
 * as a `StoreError`.
 */
import pg from 'pg';
import { StoreError } from '../../core/errors.ts';
import { type Row, RowFault } from '../rows.ts';
import { connectionSurvives, databaseFailure } from './database-failure.ts';
import type { SqlSession, SqlValue } from './sql-session.ts';
import { fromStored, toStored } from './stored-text.ts';

export class ClientSession implements SqlSession {
  /** The connection cannot be used again. */
  isBroken = false;
  readonly #client: pg.PoolClient;
  readonly #shown: string;
  readonly #timeoutMs: number | undefined;

  constructor(client: pg.PoolClient, shown: string, timeoutMs: number | undefined) {
    this.#client = client;
    this.#shown = shown;
    this.#timeoutMs = timeoutMs;
  }

  async list<T>(read: (row: Row) => T, sql: string, ...values: readonly SqlValue[]): Promise<T[]> {
    const { rows } = await this.#query(sql, values);
    return this.#converted(rows, read);
  }

  async find<T>(read: (row: Row) => T, sql: string, ...values: readonly SqlValue[]): Promise<T | undefined> {
    const { rows } = await this.#query(sql, values);
    return this.#converted(rows.slice(0, 1), read)[0];
  }

  async run(sql: string, ...values: readonly SqlValue[]): Promise<number> {
    return (await this.#query(sql, values)).rowCount ?? 0;
  }

  async script(sql: string): Promise<void> {
    await this.#query(sql, undefined);
  }

  #converted<T>(rows: readonly Row[], read: (row: Row) => T): T[] {
    try {
      return rows.map(read);
    } catch (error) {
      if (!(error instanceof RowFault)) throw error;
      const params = { database: this.#shown, reason: error.message };
      throw new StoreError('STORE_ROW_INVALID', { params, cause: error });
    }
  }

  async #query(text: string, values: readonly SqlValue[] | undefined): Promise<pg.QueryResult<Row>> {
    try {
      return await this.#client.query<Row>({
        text,
        ...(values === undefined ? {} : { values: values.map(stored) }),
        ...(this.#timeoutMs === undefined ? {} : { query_timeout: this.#timeoutMs }),
      });
    } catch (error) {
      if (!connectionSurvives(error)) this.isBroken = true;
      throw databaseFailure(error, this.#shown);
    }
  }
}

function stored(value: SqlValue): SqlValue {
  if (typeof value === 'string') return toStored(value);
  if (!Array.isArray(value)) return value;
  // A list holds either texts or numbers. `Array.isArray` and `map` lose which.
  return (value as readonly (string | number)[]).map((item) =>
    typeof item === 'string' ? toStored(item) : item,
  ) as string[] | number[];
}

const { builtins } = pg.types;
const asNumber = (text: string): number => Number(text);
const parsers: ReadonlyMap<number, (text: string) => unknown> = new Map<number, (text: string) => unknown>([
  // Whole numbers that JavaScript does not hold exactly are refused by `integer`.
  [builtins.INT8, asNumber],
  [builtins.TEXT, fromStored],
  [builtins.VARCHAR, fromStored],
]);

/** Converts the columns of a result. */
export function getTypeParser(oid: number, format?: 'text' | 'binary'): (value: string) => unknown {
  const known = format === 'binary' ? undefined : parsers.get(oid);
  return known ?? pg.types.getTypeParser(oid, format);
}
