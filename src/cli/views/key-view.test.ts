import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sampleKey } from '../../../test/helpers/key-samples.ts';
import { StoreError } from '../../core/errors.ts';
import type { ApiKey } from '../../core/security/api-key.ts';
import { adviceOn } from './key-view.ts';

const dayMs = 86_400_000;
const nowMs = 100 * dayMs;
const listed = (id: string, parts: Partial<ApiKey>, usedAtMs?: number) => ({
  record: sampleKey({ id, label: id, ...parts }),
  lastUse: usedAtMs === undefined ? undefined : { atMs: usedAtMs, address: '::1' },
});
const advise = (...keys: readonly ReturnType<typeof listed>[]) => adviceOn(keys, undefined, nowMs);

test('a key that ends soon gets the advice to move that or to make a successor, and one that has a successor none', () => {
  const old = listed('a', { createdAtMs: 1, expiresAtMs: nowMs + dayMs }, 5);
  assert.match(
    advise(old).join(),
    /^a \(a\) expires on .*flm key set a --expires 90d.*flm key rotate a --overlap 7d$/,
  );
  assert.deepEqual(advise(old, listed('b', { label: 'a', familyId: 'a', createdAtMs: nowMs - 1 })), []);
  const revoked = listed('b', { label: 'a', familyId: 'a', createdAtMs: nowMs - 1, revokedAtMs: nowMs });
  assert.equal(advise(old, revoked).length, 1, 'a successor that was revoked is none');
});

test('nothing is said about a key that was made today, or that has ended', () => {
  assert.deepEqual(advise(listed('a', { createdAtMs: nowMs - 1, expiresAtMs: nowMs + 1 })), []);
  assert.deepEqual(advise(listed('a', { createdAtMs: 1, expiresAtMs: nowMs })), []);
  assert.deepEqual(advise(listed('a', { createdAtMs: 1, revokedAtMs: 2 })), []);
});

test('a key that was never used in a month is named, unless the last use of keys is unknown', () => {
  const idle = listed('a', { createdAtMs: nowMs - 31 * dayMs });
  assert.match(advise(idle).join(), /not used in 30 days/);
  assert.deepEqual(advise(listed('a', { createdAtMs: 1 }, 2)), []);
  const problem = new StoreError('STORE_CORRUPT', { params: { file: 'usage.db' } });
  assert.deepEqual(adviceOn([idle], problem, nowMs), []);
});

test('labels that several active keys have from older versions are pointed out, and a rotation is none', () => {
  const used = (id: string, parts: Partial<ApiKey>) =>
    listed(id, { createdAtMs: 1, label: 'x', ...parts }, 2);
  assert.match(
    advise(used('a', {}), used('b', {})).join(),
    /^a and b have the same label x; change one: flm key set a --label LABEL$/,
  );
  assert.deepEqual(advise(used('a', {}), used('b', { familyId: 'a', createdAtMs: 2 })), []);
  assert.deepEqual(advise(used('a', {}), used('b', { revokedAtMs: 3 })), []);
});
