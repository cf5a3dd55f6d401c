/** What runs SQL statements: a database as a whole, or one of its transactions. */
import type { Row } from '../rows.ts';

export type SqlValue = string | number | boolean | null | Buffer | readonly string[] | readonly number[];

/** Runs statements: on a free connection of the pool, or on the connection of one transaction. */
export interface SqlSession {
  /** Returns every row, converted by `read`. */
  list<T>(read: (row: Row) => T, sql: string, ...values: readonly SqlValue[]): Promise<T[]>;
  /** Returns the first row, converted by `read`. */
  find<T>(read: (row: Row) => T, sql: string, ...values: readonly SqlValue[]): Promise<T | undefined>;
  /** Returns the number of changed rows. */
  run(sql: string, ...values: readonly SqlValue[]): Promise<number>;
  /** Runs several statements that are constants of ours. */
  script(sql: string): Promise<void>;
}
