/** Inserts many rows with few statements, because each statement waits for the network. */
import type { SqlSession, SqlValue } from './sql-session.ts';

/** The protocol numbers parameters with 16 bits; a statement stays well below. */
const maxParameters = 20_000;

/** Call it inside a transaction. Each row has the values of `columns`, in their order. Returns the number of rows. */
export async function insertRows(
  session: SqlSession,
  table: string,
  columns: readonly string[],
  rows: readonly (readonly SqlValue[])[],
): Promise<number> {
  const atOnce = Math.floor(maxParameters / columns.length);
  for (let at = 0; at < rows.length; at += atOnce) {
    const slice = rows.slice(at, at + atOnce);
    const parameters = slice.map(
      (_, row) => `(${columns.map((_, i) => `$${row * columns.length + i + 1}`).join(', ')})`,
    );
    const sql = `INSERT INTO flm.${table} (${columns.join(', ')}) VALUES ${parameters.join(', ')}`;
    await session.run(sql, ...slice.flat());
  }
  return rows.length;
}
