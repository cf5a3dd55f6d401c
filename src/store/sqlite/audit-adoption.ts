/**
 * Chains entries that an flm without chains has written: at the migration of a file, and when an older proxy went on
 * writing after it. Runs at each opening of a file. A checkpoint in the chain records it.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { type ChainInFile, chainOlderEntries, hasOlderEntries, type Statements } from './audit-chain.ts';

/** `db` is outside a transaction. Never throws: a damaged, locked or full file is left unchanged. */
export function chainAudit(db: DatabaseSync, place: ChainInFile, nowMs: number): void {
  try {
    const statements = statementsOf(db);
    if (!hasOlderEntries(statements, place)) return;
    db.exec('BEGIN IMMEDIATE');
    chainOlderEntries(statements, place, nowMs);
    db.exec('COMMIT');
  } catch {
    // Code that needs the file reports the problem, and the next opening tries again.
    if (db.isTransaction) db.exec('ROLLBACK');
  }
}

function statementsOf(db: DatabaseSync): Statements {
  const known = new Map<string, StatementSync>();
  const prepared = (sql: string): StatementSync => {
    const statement = known.get(sql) ?? db.prepare(sql);
    known.set(sql, statement);
    return statement;
  };
  return {
    list: (read, sql, ...values) =>
      prepared(sql)
        .all(...values)
        .map(read),
    find: (read, sql, ...values) => {
      const row = prepared(sql).get(...values);
      return row === undefined ? undefined : read(row);
    },
    run: (sql, ...values) => Number(prepared(sql).run(...values).changes),
  };
}
