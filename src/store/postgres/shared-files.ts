/**
 * Files and locks that machines share, in PostgreSQL. Contents are encrypted under the store key and bound to their
 * path. The server's clock decides when a lock lapses, so clocks of machines may differ.
 */
import type { SharedFile, SharedFiles } from '../../core/shared-files.ts';
import { integer, type Row, RowFault, text } from '../rows.ts';
import type { PostgresDatabase } from './database.ts';
import type { Sealed, StoreKey } from './store-key.ts';

export class PostgresSharedFiles implements SharedFiles {
  readonly shown: string;
  readonly #db: PostgresDatabase;
  readonly #key: StoreKey;

  constructor(db: PostgresDatabase, key: StoreKey) {
    this.#db = db;
    this.#key = key;
    this.shown = db.shown;
  }

  async read(path: string): Promise<Buffer | undefined> {
    const found = await this.#db.find(
      sealedOf,
      'SELECT sealed, sealed_by FROM flm.file WHERE path = $1',
      path,
    );
    return found === undefined ? undefined : this.#key.unseal(found, placeOf(path));
  }

  async write(path: string, bytes: Buffer): Promise<void> {
    const { sealed, sealedBy } = this.#key.seal(bytes, placeOf(path));
    await this.#db.run(
      `INSERT INTO flm.file (path, sealed, sealed_by, modified_at) VALUES ($1, $2, $3, clock_timestamp())
       ON CONFLICT (path) DO UPDATE SET sealed = $2, sealed_by = $3, modified_at = clock_timestamp()`,
      path,
      sealed,
      sealedBy,
    );
  }

  async remove(path: string): Promise<void> {
    await this.#db.run('DELETE FROM flm.file WHERE path = $1', path);
  }

  list(prefix: string): Promise<readonly SharedFile[]> {
    return this.#db.list(
      (row) => {
        const path = text(row, 'path');
        return { path, bytes: this.#key.unseal(sealedOf(row), placeOf(path)), ageMs: integer(row, 'age_ms') };
      },
      `SELECT path, sealed, sealed_by,
              floor(extract(epoch FROM clock_timestamp() - modified_at) * 1000)::bigint AS age_ms
       FROM flm.file WHERE starts_with(path, $1) ORDER BY path`,
      prefix,
    );
  }

  async lock(name: string, holder: string, forMs: number): Promise<boolean> {
    const changed = await this.#db.run(
      `INSERT INTO flm.lease AS held (name, holder, ends_at)
       VALUES ($1, $2, clock_timestamp() + $3 * interval '1 millisecond')
       ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, ends_at = excluded.ends_at
       WHERE held.holder = excluded.holder OR held.ends_at <= clock_timestamp()`,
      name,
      holder,
      forMs,
    );
    return changed > 0;
  }

  async unlock(name: string, holder: string): Promise<void> {
    await this.#db.run('DELETE FROM flm.lease WHERE name = $1 AND holder = $2', name, holder);
  }
}

/** Binds a content to its path. */
function placeOf(path: string): string {
  return `file/${path}`;
}

function sealedOf(row: Row): Sealed {
  const { sealed } = row;
  if (!Buffer.isBuffer(sealed)) throw new RowFault('sealed is no bytes');
  return { sealed, sealedBy: text(row, 'sealed_by') };
}
