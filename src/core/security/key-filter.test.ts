import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sampleKey } from '../../../test/helpers/key-samples.ts';
import type { ApiKey } from './api-key.ts';
import { filterKeys, type KeyFilter, type KeyOrder, sortKeys } from './key-filter.ts';

const key = (id: string, parts: Partial<ApiKey>, usedAtMs?: number) => ({
  record: sampleKey({ id, label: id, ...parts }),
  lastUse: usedAtMs === undefined ? undefined : { atMs: usedAtMs, address: '192.0.2.1' },
});

const keys = [
  key('a10', { owner: 'Bo', createdAtMs: 1 }, 5),
  key('A9', { owner: 'ann', createdAtMs: 2, revokedAtMs: 3 }),
  key('c', { createdAtMs: 3, expiresAtMs: 4 }, 9),
  key('d', { owner: 'Ann', createdAtMs: 4, pausedAtMs: 4, expiresAtMs: 99 }),
];
const found = (filter: KeyFilter) => filterKeys(keys, filter, 10).map(({ record }) => record.id);
const sorted = (order: KeyOrder, descending = false) =>
  sortKeys(keys, order, descending, 10).map(({ record }) => record.id);

test('keys are found by a part of their label or owner, by state and by owner', () => {
  assert.deepEqual(found({}), ['a10', 'A9', 'c', 'd']);
  assert.deepEqual(found({ search: 'AN' }), ['A9', 'd']);
  assert.deepEqual(found({ state: 'active' }), ['a10']);
  assert.deepEqual(found({ owner: 'ann', state: 'paused' }), ['d']);
  assert.deepEqual(found({ owner: '' }), ['c']);
});

test('keys are sorted by what people look for, and those without a value come last both ways', () => {
  assert.deepEqual(sorted('label'), ['A9', 'a10', 'c', 'd']);
  assert.deepEqual(sorted('owner'), ['A9', 'd', 'a10', 'c']);
  assert.deepEqual(sorted('owner', true), ['a10', 'A9', 'd', 'c']);
  assert.deepEqual(sorted('state'), ['a10', 'd', 'c', 'A9']);
  assert.deepEqual(sorted('expires'), ['c', 'd', 'a10', 'A9']);
  assert.deepEqual(sorted('last-used', true), ['c', 'a10', 'A9', 'd']);
  assert.deepEqual(sorted('created', true), ['d', 'c', 'A9', 'a10']);
});
