/**
 * Checkpoints: entries of the audit that flm writes itself when it deletes the oldest entries, or gives a hash to
 * entries that were written without one. They are entries of the chain, so that no entry disappears without a trace.
 */
import type { AuditEntry } from '../security/ports.ts';
import type { AuditChain, ChainPoint } from './audit-chain.ts';

export const checkpointAction = 'audit.checkpoint';

/**
 * - `retention`: entries were deleted because of their age
 * - `limit`: entries were deleted because there were too many
 * - `chained`: entries of an flm without chains were chained; edits made before that do not show
 */
export type CheckpointReason = 'retention' | 'limit' | 'chained';

/** `through`: the newest of the entries that the checkpoint is about, and their number. */
export function checkpointEntry(
  chain: AuditChain,
  reason: CheckpointReason,
  through: ChainPoint,
  entries: number,
  atMs: number,
): AuditEntry {
  const after = { reason, throughSeq: through.seq, throughHash: through.hash, entries };
  return { atMs, actor: 'flm', action: checkpointAction, subject: chain, after: JSON.stringify(after) };
}

/** Returns the point up to which entries were deleted, or undefined if `entry` is no such checkpoint. */
export function deletedThrough(entry: AuditEntry): ChainPoint | undefined {
  if (entry.action !== checkpointAction || entry.actor !== 'flm') return undefined;
  try {
    const { reason, throughSeq, throughHash }: Record<string, unknown> =
      JSON.parse(entry.after ?? '{}') ?? {};
    if (reason !== 'retention' && reason !== 'limit') return undefined;
    if (typeof throughSeq !== 'number' || typeof throughHash !== 'string') return undefined;
    return { seq: throughSeq, hash: throughHash };
  } catch {
    return undefined;
  }
}
