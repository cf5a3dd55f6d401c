/** Changes of how long usage and the audit are kept. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AdminError } from '../errors.ts';
import type { AuditEntry, Retention } from '../security/ports.ts';
import { changeRetention } from './retention.ts';

function kept(retention: Retention) {
  const entries: AuditEntry[] = [];
  let now = retention;
  const change = (asked: Partial<Retention>) =>
    changeRetention(
      { ...now, ...asked },
      {
        usage: {
          retention: async () => now,
          setRetention: async (next) => {
            now = next;
          },
        },
        audit: { record: async (entry) => void entries.push(entry) },
        atMs: 1,
        actor: 'cli:ann',
      },
    );
  return { change, entries, now: () => now };
}

test('a change is stored with who made it and what was before', async () => {
  const store = kept({ hourlyDays: 90, dailyDays: 1_096, auditDays: 366 });
  await store.change({ hourlyDays: 30 });
  assert.deepEqual(store.now(), { hourlyDays: 30, dailyDays: 1_096, auditDays: 366 });
  const [entry] = store.entries;
  assert.deepEqual([entry?.actor, entry?.action], ['cli:ann', 'retention.set']);
  assert.match(`${entry?.before} ${entry?.after}`, /"hourlyDays":90.*"hourlyDays":30/);
});

test('days that are none, too many, or fewer than those of hours change nothing', async () => {
  const before = { hourlyDays: 90, dailyDays: 1_096, auditDays: 366 };
  for (const [asked, field] of [
    [{ hourlyDays: 0 }, 'hourlyDays'],
    [{ hourlyDays: 3_661, dailyDays: 36_600 }, 'hourlyDays'],
    [{ dailyDays: 89 }, 'dailyDays'],
    [{ auditDays: 1.5 }, 'auditDays'],
    [{ auditDays: Number.NaN }, 'auditDays'],
  ] as const) {
    const store = kept(before);
    await assert.rejects(store.change(asked), (error) => {
      assert(error instanceof AdminError);
      assert.deepEqual(
        error.faults.map((fault) => fault.field),
        [field],
      );
      return true;
    });
    assert.deepEqual([store.now(), store.entries], [before, []]);
  }
});
