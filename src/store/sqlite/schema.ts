/**
 * The two files of the store: what each holds, how hard it is written, and its migrations in order (version = place in
 * the list). Keys, policy and engines must survive a power cut, so each commit waits for the disk; usage may lose its
 * last second and must not wait.
 */
import type { DatabaseSync } from 'node:sqlite';
import { takeOverAudit } from './audit-takeover.ts';
import { initialFlm } from './migrations/flm/001-initial.ts';
import { engineCa } from './migrations/flm/002-engine-ca.ts';
import { keyFamily } from './migrations/flm/003-key-family.ts';
import { startingHandle } from './migrations/flm/004-starting-handle.ts';
import { pausedKey } from './migrations/flm/005-paused-key.ts';
import { initialUsage } from './migrations/usage/001-initial.ts';
import { usageFamily } from './migrations/usage/002-usage-family.ts';
import { usageHour } from './migrations/usage/003-usage-hour.ts';
import type { DatabasePlace } from './sqlite-failure.ts';

/** A string only adds something, so that the version before works with the result. */
export type Migration = string | { readonly breaking: string };

export interface Schema {
  readonly file: 'flm.db' | 'usage.db';
  readonly migrations: readonly Migration[];
  /** The first version whose flm works with later additions; flm of versions before refuses every later version. */
  readonly readableFrom: number;
  /** Settings of every connection. */
  readonly pragmas: string;
  /** Runs after each opening, once the schema is up to date. Never throws. */
  readonly opened?: (db: DatabaseSync, place: DatabasePlace) => void;
}

export const flmSchema: Schema = {
  file: 'flm.db',
  migrations: [initialFlm, engineCa, keyFamily, startingHandle, pausedKey],
  readableFrom: 5,
  // wal_autocheckpoint: each commit reaches the main file, so that a -wal file that gets lost takes no revocation
  // along.
  // secure_delete: the secret of a deleted engine is overwritten. fullfsync: what FULL means on macOS.
  pragmas:
    'PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA wal_autocheckpoint = 1; PRAGMA secure_delete = ON;',
  opened: takeOverAudit,
};

export const usageSchema: Schema = {
  file: 'usage.db',
  migrations: [initialUsage, usageFamily, usageHour],
  readableFrom: 3,
  pragmas: 'PRAGMA synchronous = NORMAL;',
};
