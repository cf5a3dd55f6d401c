import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sampleKey } from '../../../test/helpers/key-samples.ts';
import { StoreError } from '../../core/errors.ts';
import type { ApiKey } from '../../core/security/api-key.ts';
import { textWidth } from '../terminal/layout.ts';
import { adviceOn, keysTable } from './key-view.ts';

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

const listOf = (columns: number, ...keys: readonly ReturnType<typeof listed>[]): string =>
  keysTable(keys, undefined, nowMs, { paint: (_style, text) => text, tableColumns: columns });

test('keys are columns that can be scanned at every width, with scopes, limits, expiry and last use', () => {
  const limits = {
    requestsPerMinute: 60,
    burst: null,
    tokensPerMinute: null,
    tokensPerDay: 200_000,
    concurrency: 2,
  };
  const keys = [
    listed('laptop', { scopes: ['inference', 'engine:admin'], limits }, nowMs - 240_000),
    listed('研究室のノートパソコン', { expiresAtMs: nowMs + 90 * dayMs, models: ['qwen*'] }),
    listed('old', { revokedAtMs: 1 }, nowMs - 3 * dayMs),
  ];
  for (const columns of [60, 80, 120, 200])
    for (const line of listOf(columns, ...keys).split('\n'))
      assert.ok(textWidth(line) <= columns, `${columns}: ${line}`);
  assert.match(
    listOf(200, ...keys),
    /^laptop .* active +inference, engine:admin +never +4 min ago +60 req\/min; 200.k tok\/day; 2 at a time$/m,
  );
  assert.match(listOf(200, ...keys), /^研究室の.* active +inference +in 90 d +never +models qwen\*$/m);
  assert.match(listOf(80, ...keys), /^LABEL +STATE +SCOPES +EXPIRES +LAST USED +LIMITS$/m);
  assert.match(listOf(80, ...keys), /^old +revoked .* 3 d ago +none$/m);
  assert.match(
    listOf(60, listed('key_0123456789ab', {}, 1)),
    /^LABEL +STATE .*LAST USED +LIMITS\nkey_0123456789ab +active /,
  );
});

test('a key with a long label keeps its id, and the label is cut', () => {
  const label = 'the very long label of the build server in the cellar';
  const text = listOf(80, listed('key_0123456789ab', { label }));
  assert.match(text, /key_0123456789ab/);
  for (const line of text.split('\n')) assert.ok(textWidth(line) <= 80, line);
});
