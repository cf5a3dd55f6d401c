/**
 * The migrations of the PostgreSQL store in order; version = position in the list. A migration given as a string only
 * adds things, so the previous version works with the result.
 */
import { initial } from './migrations/001-initial.ts';

export type PostgresMigration = string | { readonly breaking: string };

export const migrations: readonly PostgresMigration[] = [initial];

/** Returns the version of the last migration that an older flm cannot work with. */
export function oldestReader(all: readonly PostgresMigration[] = migrations): number {
  return Math.max(1, all.findLastIndex((migration) => typeof migration !== 'string') + 1);
}
