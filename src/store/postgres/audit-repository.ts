/**
 * The audit log. Entries about changes are written in the transaction of the change, and all entries in the order of
 * changes. Entries about refused logins are in a table of their own, written by proxies. Both are chained by hash and
 * bounded, with the oldest rows deleted first. No entry contains a secret.
 */
import type { AuditHead } from '../../core/audit/audit-chain.ts';
import type { AuditLog } from '../../core/audit/audit-log.ts';
import {
  type AuditQuery,
  matchesAudit,
  newestEntries,
  type StoredAuditEntry,
} from '../../core/audit/audit-query.ts';
import type { ChainVerdict } from '../../core/audit/chain-check.ts';
import type { AuditEntry } from '../../core/security/ports.ts';
import { auditOf, auditPage, storedEntryOf } from '../audit-rows.ts';
import {
  appendAudit,
  type ChainPlace,
  chainPlaces,
  chainState,
  changesPlace,
  verifyChain,
} from './audit-chain.ts';
import type { PostgresDatabase } from './database.ts';
import type { SqlSession } from './sql-session.ts';

export class PostgresAuditRepository implements AuditLog {
  readonly #db: PostgresDatabase;

  constructor(db: PostgresDatabase) {
    this.#db = db;
  }

  async record(entry: AuditEntry): Promise<void> {
    await this.#db.inOrder((session) => recordAudit(session, [entry]));
  }

  async list(limit: number): Promise<readonly AuditEntry[]> {
    return this.#db.read(async (session) => {
      const lists: AuditEntry[][] = [];
      for (const { entries } of chainPlaces)
        lists.push(
          await session.list(auditOf, `SELECT * FROM flm.${entries} ORDER BY id DESC LIMIT $1`, limit),
        );
      return newestEntries(lists, limit);
    });
  }

  async find(query: AuditQuery): Promise<readonly StoredAuditEntry[]> {
    return this.#db.read(async (session) => {
      const lists: StoredAuditEntry[][] = [];
      for (const place of chainPlaces) lists.push(await matching(session, place, query));
      return newestEntries(lists, query.limit);
    });
  }

  async heads(): Promise<readonly AuditHead[]> {
    return this.#db.read(readHeads);
  }

  async verify(heads: readonly AuditHead[] = []): Promise<readonly ChainVerdict[]> {
    return this.#db.read(async (session) => {
      const verdicts: ChainVerdict[] = [];
      for (const place of chainPlaces) verdicts.push(await verifyChain(session, place, heads));
      return verdicts;
    });
  }
}

/** The head of each chain that has entries. */
export async function readHeads(session: SqlSession): Promise<readonly AuditHead[]> {
  const heads: AuditHead[] = [];
  for (const place of chainPlaces) {
    const { head } = await chainState(session, place);
    if (head.seq > 0) heads.push({ chain: place.chain, ...head });
  }
  return heads;
}

/** The newest matching entries of one chain. Entries are in the order of their numbers, not of their times. */
async function matching(
  session: SqlSession,
  { chain, entries }: ChainPlace,
  query: AuditQuery,
): Promise<StoredAuditEntry[]> {
  const sql = `SELECT * FROM flm.${entries} WHERE id < $1 ORDER BY id DESC LIMIT ${auditPage}`;
  const found: StoredAuditEntry[] = [];
  let lastId = Number.MAX_SAFE_INTEGER;
  for (;;) {
    const rows = await session.list(storedEntryOf(chain), sql, lastId);
    for (const { id, ...entry } of rows) {
      lastId = id;
      if (!matchesAudit(entry, query)) continue;
      found.push(entry);
      if (found.length === query.limit) return found;
    }
    if (rows.length < auditPage) return found;
  }
}

/**
 * Writes a change and its audit entry, both or neither. `work` returns the number of changed rows; for 0 no entry is
 * written, and the revision stays.
 */
export async function writeChange(
  db: PostgresDatabase,
  audit: AuditEntry | undefined,
  work: (session: SqlSession, revision: number) => Promise<number>,
): Promise<number> {
  const changed = await db.change(async (session, revision) => {
    const rows = await work(session, revision);
    if (rows === 0) return undefined;
    if (audit !== undefined) await recordAudit(session, [audit]);
    return rows;
  });
  return changed ?? 0;
}

/** Call it inside a change, or in the order of changes. */
export async function recordAudit(session: SqlSession, entries: readonly AuditEntry[]): Promise<void> {
  await appendAudit(session, changesPlace, entries);
}
