/**
 * The migrations of the PostgreSQL store in order; version = position in the list. A migration given as a string or a
 * function only adds things, so the previous version works with the result.
 */
import { initial } from './migrations/001-initial.ts';
import { auditChain } from './migrations/002-audit-chain.ts';
import type { SqlSession } from './sql-session.ts';

export type PostgresMigration =
  | string
  | { readonly breaking: string }
  | ((session: SqlSession) => Promise<void>);

export const migrations: readonly PostgresMigration[] = [initial, auditChain];

/** Returns the version of the last migration that an older flm cannot work with. */
export function oldestReader(all: readonly PostgresMigration[] = migrations): number {
  return Math.max(1, all.findLastIndex((migration) => typeof migration === 'object') + 1);
}
