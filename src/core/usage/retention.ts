/** How long usage and the audit are kept: the allowed values, and a change with its audit entry. */
import { AdminError } from '../errors.ts';
import type { AuditRepository, Retention, UsageRepository } from '../security/ports.ts';

/** The most days of each kind; the least is 1. */
export const longestRetention: Retention = { hourlyDays: 3_660, dailyDays: 36_600, auditDays: 36_600 };

export interface RetentionChange {
  readonly usage: Pick<UsageRepository, 'retention' | 'setRetention'>;
  readonly audit: Pick<AuditRepository, 'record'>;
  readonly atMs: number;
  readonly actor: string;
}

/** Days must not be kept for a shorter time than their hours. Throws ADMIN_INPUT_INVALID. */
export async function changeRetention(
  retention: Retention,
  { usage, audit, atMs, actor }: RetentionChange,
): Promise<void> {
  const faults = (Object.keys(longestRetention) as (keyof Retention)[]).flatMap((field) => {
    const [value, most] = [retention[field], longestRetention[field]];
    const least = field === 'dailyDays' ? Math.min(retention.hourlyDays, most) : 1;
    if (Number.isInteger(value) && value >= least && value <= most) return [];
    const because = field === 'dailyDays' && value >= 1 && value < least ? ' (hourlyDays)' : '';
    return [{ field, value: String(value), allowed: `a whole number from ${least}${because} to ${most}` }];
  });
  if (faults.length > 0) throw new AdminError('ADMIN_INPUT_INVALID', { faults });
  const before = await usage.retention();
  await usage.setRetention(retention);
  await audit.record({
    atMs,
    actor,
    action: 'retention.set',
    subject: 'retention',
    before: JSON.stringify(before),
    after: JSON.stringify(retention),
  });
}
