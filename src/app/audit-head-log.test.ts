/** Heads of the audit in the log of a proxy. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { AuditHead } from '../core/audit/audit-chain.ts';
import { logAuditHeads } from './audit-head-log.ts';

test('a head of the audit is logged at the start and whenever it has changed, and not after the end', async () => {
  const headOf = (seq: number): AuditHead => ({ chain: 'changes', seq, hash: `v1_${'a'.repeat(64)}` });
  let heads: readonly AuditHead[] | undefined = [headOf(1)];
  let minute = (): void => {};
  const lines: unknown[] = [];
  const end = logAuditHeads({
    store: { auditHeads: async () => heads },
    logger: { event: (level, message, fields) => lines.push([level, message, fields?.changes]) },
    clock: {
      every(_, f) {
        minute = f;
        return () => {};
      },
    },
  });
  const afterMinute = async (now: readonly AuditHead[] | undefined): Promise<number> => {
    heads = now;
    minute();
    await setImmediate();
    return lines.length;
  };
  await setImmediate();
  assert.deepEqual(lines, [['info', 'audit head', `changes_1_v1_${'a'.repeat(64)}`]]);
  assert.equal(await afterMinute(heads), 1);
  assert.equal(await afterMinute(undefined), 1);
  assert.equal(await afterMinute([headOf(2), { ...headOf(3), chain: 'refusals' }]), 2);
  end();
  assert.equal(await afterMinute([headOf(4)]), 2);
});
