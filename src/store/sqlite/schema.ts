/**
 * The two files of the store: their content, durability settings and migrations in order (version = position in the
 * list). Keys, policy and engines must survive a power failure, so each commit waits for the disk. Usage may lose its
 * last second and must not wait.
 */
import type { DatabaseSync } from 'node:sqlite';
import { chainAudit } from './audit-adoption.ts';
import { changesPlace, refusalsPlace } from './audit-chain.ts';
import { takeOverAudit } from './audit-takeover.ts';
import { initialFlm } from './migrations/flm/001-initial.ts';
import { engineCa } from './migrations/flm/002-engine-ca.ts';
import { keyFamily } from './migrations/flm/003-key-family.ts';
import { startingHandle } from './migrations/flm/004-starting-handle.ts';
import { pausedKey } from './migrations/flm/005-paused-key.ts';
import { keyOwner } from './migrations/flm/006-key-owner.ts';
import { share } from './migrations/flm/007-share.ts';
import { applied } from './migrations/flm/008-applied.ts';
import { auditChain } from './migrations/flm/009-audit-chain.ts';
import { initialUsage } from './migrations/usage/001-initial.ts';
import { usageFamily } from './migrations/usage/002-usage-family.ts';
import { usageHour } from './migrations/usage/003-usage-hour.ts';
import { familyIndex } from './migrations/usage/004-family-index.ts';
import { usageCache } from './migrations/usage/005-usage-cache.ts';
import { refusalChain } from './migrations/usage/006-refusal-chain.ts';
import type { DatabasePlace } from './sqlite-failure.ts';

/** A migration given as a string only adds things, so the previous version works with the result. */
export type Migration = string | { readonly breaking: string };

export interface Schema {
  readonly file: 'flm.db' | 'usage.db';
  readonly migrations: readonly Migration[];
  /** The first version whose flm accepts later additions. An flm of an earlier version refuses every later version. */
  readonly readableFrom: number;
  /** Pragmas of every connection. */
  readonly pragmas: string;
  /** Runs after each opening, once the schema is up to date. Never throws. */
  readonly opened?: (db: DatabaseSync, place: DatabasePlace, nowMs: number) => void;
}

export const flmSchema: Schema = {
  file: 'flm.db',
  migrations: [
    initialFlm,
    engineCa,
    keyFamily,
    startingHandle,
    pausedKey,
    keyOwner,
    share,
    applied,
    auditChain,
  ],
  readableFrom: 5,
  // wal_autocheckpoint: each commit reaches the main file, so that losing a -wal file loses no revocation.
  // secure_delete: the secret of a deleted engine is overwritten. fullfsync: needed on macOS for the guarantee of FULL.
  pragmas:
    'PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA wal_autocheckpoint = 1; PRAGMA secure_delete = ON;',
  opened: (db, place, nowMs) => {
    takeOverAudit(db, place);
    chainAudit(db, changesPlace, nowMs);
  },
};

export const usageSchema: Schema = {
  file: 'usage.db',
  migrations: [initialUsage, usageFamily, usageHour, familyIndex, usageCache, refusalChain],
  readableFrom: 3,
  pragmas: 'PRAGMA synchronous = NORMAL;',
  opened: (db, _, nowMs) => chainAudit(db, refusalsPlace, nowMs),
};
