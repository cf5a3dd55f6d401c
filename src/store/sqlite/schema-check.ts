/** Checks whether a version of flm can use the databases of a data folder. Writes and migrates nothing. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { oldestReader, schemaVersion } from './migrate.ts';
import { flmSchema, type Schema, usageSchema } from './schema.ts';

/** Schema version of each file. */
export type SchemaVersions = Readonly<Record<Schema['file'], number>>;

/** The schema versions that this flm writes. */
export const knownSchemas: SchemaVersions = {
  'flm.db': flmSchema.migrations.length,
  'usage.db': usageSchema.migrations.length,
};

/**
 * - `current`: no migration is needed
 * - `older`: the version migrates the file first
 * - `newer`: the file has additions that the version does not need
 * - `refused`: the version cannot use the file
 */
export type SchemaFit =
  | { readonly fit: 'current' | 'older' | 'newer' }
  | {
      readonly fit: 'refused';
      readonly file: string;
      readonly found: number;
      readonly known: number;
      /** The oldest schema version that flm must know to use the file. */
      readonly oldest: number;
    };

/**
 * Checks for an flm with these schema versions: this one, or another one that is to be installed. Throws errors of
 * SQLite unchanged.
 */
export function schemaFit(home: string, known: SchemaVersions = knownSchemas): SchemaFit {
  let whole: SchemaFit = { fit: 'current' };
  for (const name of ['flm.db', 'usage.db'] as const) {
    const fit = fitOf(join(home, name), known[name]);
    if (fit.fit === 'refused') return fit;
    // If one file needs a migration, the result is `older`.
    if (fit.fit === 'older' || whole.fit === 'current') whole = fit;
  }
  return whole;
}

function fitOf(file: string, known: number): SchemaFit {
  if (!existsSync(file)) return { fit: 'current' };
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    const found = schemaVersion(db);
    if (found === known) return { fit: 'current' };
    if (found < known) return { fit: 'older' };
    const oldest = oldestReader(db, found);
    return oldest <= known ? { fit: 'newer' } : { fit: 'refused', file, found, known, oldest };
  } finally {
    db.close();
  }
}
