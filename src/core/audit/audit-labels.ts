/** Names the subjects of audit entries by the labels of keys and shares, also where an entry has only the id. */
import type { Share } from '../security/share.ts';
import type { AuditEntryDocument } from './audit-document.ts';

export interface LabelSources {
  keys(ids: readonly string[]): Promise<ReadonlyMap<string, string>>;
  shares(): Promise<readonly Pick<Share, 'id' | 'request'>[]>;
}

/** Asks each source only if an entry needs it. */
export async function withLabels(
  items: readonly AuditEntryDocument[],
  sources: LabelSources,
): Promise<AuditEntryDocument[]> {
  const nameless = items.filter((item) => item.subjectLabel === null);
  const keyIds = nameless.flatMap(({ subject }) => (subject.startsWith('key_') ? [subject] : []));
  const labels = new Map(keyIds.length === 0 ? [] : await sources.keys([...new Set(keyIds)]));
  if (nameless.some((item) => item.action.startsWith('share.')))
    for (const { id, request } of await sources.shares()) labels.set(id, request.label);
  return items.map((item) => ({
    ...item,
    subjectLabel: item.subjectLabel ?? labels.get(item.subject) ?? null,
  }));
}
