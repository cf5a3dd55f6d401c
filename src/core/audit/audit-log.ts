/** The port to the whole audit of a store: writing, searching, and checking its chains. */
import type { AuditRepository } from '../security/ports.ts';
import type { AuditHead } from './audit-chain.ts';
import type { AuditQuery, StoredAuditEntry } from './audit-query.ts';
import type { ChainVerdict } from './chain-check.ts';

export interface AuditLog extends AuditRepository {
  /** The newest entries that match, newest first, with their places in the chains. */
  find(query: AuditQuery): Promise<readonly StoredAuditEntry[]>;
  /** The head of each chain that has entries. */
  heads(): Promise<readonly AuditHead[]>;
  /** Checks each chain, also against heads from outside. */
  verify(heads?: readonly AuditHead[]): Promise<readonly ChainVerdict[]>;
}
