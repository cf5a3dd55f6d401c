import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UsageRow } from '../../core/security/ports.ts';
import { grouped, usageText } from './usage.ts';

const row = (parts: Partial<UsageRow>): UsageRow => ({
  day: '2026-11-01',
  keyId: 'key_a',
  familyId: 'key_a',
  model: 'small',
  requests: 1,
  inputTokens: 10,
  outputTokens: 5,
  estimatedRequests: 0,
  ...parts,
});

const rows = [
  row({}),
  row({ keyId: 'key_b', inputTokens: 100, estimatedRequests: 1 }),
  row({ day: '2026-11-02', model: 'large' }),
];

test('rows are added up by what is asked for', () => {
  const labels = new Map([['key_a', 'laptop']]);
  assert.deepEqual(
    grouped(rows, 'key', labels).map((g) => [g.key?.id, g.key?.label, g.requests, g.inputTokens]),
    [
      ['key_b', null, 1, 100],
      ['key_a', 'laptop', 2, 20],
    ],
  );
  assert.deepEqual(
    grouped(rows, 'day', labels).map((g) => [g.day, g.requests]),
    [
      ['2026-11-01', 2],
      ['2026-11-02', 1],
    ],
  );
  assert.deepEqual(grouped([], 'model', labels), []);
});

test('only numbers with an estimate in them carry the mark', () => {
  const groups = grouped(rows, 'model', new Map());
  const total = { requests: 3, inputTokens: 120, outputTokens: 15, estimatedRequests: 1 };
  assert.equal(
    usageText(groups, total, 'model'),
    [
      'MODEL  REQUESTS  TOKENS IN  TOKENS OUT  TOKENS',
      'small  2         ~110       ~10         ~120',
      'large  1         10         5           15',
      'total  3         ~120       ~15         ~135',
    ].join('\n'),
  );
});

test('a sum never leaves the numbers that JSON holds exactly', () => {
  const most = Number.MAX_SAFE_INTEGER;
  const [group] = grouped([row({ inputTokens: most }), row({ inputTokens: most })], 'day', new Map());
  assert.equal(group?.inputTokens, most);
});
