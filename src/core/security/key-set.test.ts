/** A set of keys finds what a map with all keys would find, before and after changes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { keySlice, sampleKey } from '../../../test/helpers/key-samples.ts';
import { moreRuns } from '../../../test/helpers/more-runs.ts';
import { sampleDigest } from '../../../test/helpers/store-samples.ts';
import type { EnforcedKey, KeyView } from './api-key.ts';
import { KeySet } from './key-set.ts';
import { compileKey } from './key-view.ts';
import { SlicedKeys } from './stored-keys.ts';

const key = (name: string, parts: Partial<EnforcedKey> = {}): EnforcedKey =>
  sampleKey({ id: name, digest: sampleDigest(name), ...parts });
const read = (...slices: readonly (readonly EnforcedKey[])[]): KeySet =>
  KeySet.read(slices.map((keys) => new SlicedKeys(keySlice(keys))));

test('a key that was read with others has its own fields and rules', () => {
  const keys = read(
    [key('a'), key('b', { label: 'b', familyId: 'a', models: ['qwen*'], expiresAtMs: 7 })],
    [key('c', { pausedAtMs: 1 })],
  );
  const b = keys.withDigest(sampleDigest('b'));
  assert.deepEqual(
    [b?.id, b?.familyId, b?.label, b?.expiresAtMs, b?.digest],
    ['b', 'a', 'b', 7, sampleDigest('b')],
  );
  assert.deepEqual([b?.mayUseModel('qwen3'), b?.mayUseModel('llama')], [true, false]);
  assert.deepEqual([keys.withId('b'), ...keys.withLabel('b')], [b, b]);
  const c = keys.withId('c');
  assert.deepEqual([c?.paused, c?.familyId, c?.expiresAtMs], [true, 'c', Number.POSITIVE_INFINITY]);
  assert.equal(keys.withDigest(sampleDigest('c')), c);
  assert.deepEqual([keys.size, keys.usableAt(6), keys.usableAt(7)], [3, 2, 1]);
});

test('digests that begin alike are told apart, and what is no digest finds no key', () => {
  const like = (end: string): string => `${'0'.repeat(63)}${end}`;
  const keys = read(['1', '2', '3'].map((end) => key(end, { digest: like(end) })));
  assert.deepEqual(
    ['1', '2', '3', '4'].map((end) => keys.withDigest(like(end))?.id),
    ['1', '2', '3', undefined],
  );
  for (const digest of [
    '',
    like('1').slice(1),
    `${like('1')}0`,
    `other ${like('1')}`,
    'x'.repeat(64),
    `${like('').slice(1)}xy`,
  ])
    assert.equal(keys.withDigest(digest), undefined, digest);
  assert.equal(KeySet.empty.withDigest(like('1')), undefined);
});

test('a rule that cannot be compiled is an error of the read, not of a request', () => {
  assert.throws(() => read([key('a'), key('b', { addresses: ['no address'] })]));
});

test('a change leaves the set before as it was, and keys that did not change are the same', () => {
  const before = read([key('a'), key('b')]);
  const a = before.withId('a');
  const after = before.with([compileKey(key('b', { digest: sampleDigest('new') }))], []);
  assert.equal(after.withId('a'), a);
  assert.deepEqual(
    [before, after].map((keys) => keys.withDigest(sampleDigest('b'))?.id),
    ['b', undefined],
  );
  assert.deepEqual(
    [before, after].map((keys) => keys.withDigest(sampleDigest('new'))?.id),
    [undefined, 'b'],
  );
});

test('keys are counted after a change without reading the ids of the others', () => {
  const unread = new SlicedKeys({ ...keySlice([key('b'), key('c')]), ids: 'no JSON' });
  const all = KeySet.read([new SlicedKeys(keySlice([key('a')])), unread]);
  const changed = all.with([compileKey(key('a', { pausedAtMs: 1 })), compileKey(key('d'))], ['e']);
  assert.deepEqual([all.size, all.usableAt(0)], [3, 3]);
  assert.deepEqual([changed.size, changed.usableAt(0)], [4, 3]);
});

test('keys are counted after a change of many of them', () => {
  const names = Array.from({ length: 200 }, (_, i) => `k${i}`);
  const all = read(names.slice(0, 150).map((name) => key(name)));
  const changed = all.with(
    names.slice(100).map((name) => compileKey(key(name))),
    names.slice(0, 60),
  );
  assert.deepEqual([changed.size, changed.usableAt(0)], [140, 140]);
});

test('after any changes a set finds the same keys as a map of all keys', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'd', 'e');
  const anyKey = fc
    .record({
      id: name,
      label: name,
      expiresAtMs: fc.option(fc.nat(2)),
      pausedAtMs: fc.option(fc.constant(1)),
    })
    .map((parts) => key(parts.id, parts));
  const change = fc.record({
    changed: fc.array(anyKey, { maxLength: 3 }),
    removed: fc.array(name, { maxLength: 2 }),
  });
  const parts = fc.record({
    slices: fc.array(fc.uniqueArray(anyKey, { selector: ({ id }) => id }), { maxLength: 2 }),
    removed: fc.array(name, { maxLength: 2 }),
    changes: fc.array(change, { maxLength: 4 }),
  });
  fc.assert(
    fc.property(parts, ({ slices, removed, changes }) => {
      const known = new Set<string>();
      const unique = slices.map((keys) => keys.filter(({ id }) => !known.has(id) && known.add(id)));
      const model = new Map(unique.flat().map((each) => [each.id, each]));
      for (const id of removed) model.delete(id);
      let keys = read(...unique).with([], removed);
      check(keys, model);
      for (const each of changes) {
        const before = { keys, model: new Map(model) };
        keys = keys.with(each.changed.map(compileKey), each.removed);
        for (const id of each.removed) model.delete(id);
        for (const one of each.changed) model.set(one.id, one);
        check(keys, model);
        check(before.keys, before.model);
      }
    }),
    { numRuns: 300 * moreRuns },
  );
});

function check(keys: KeySet, model: ReadonlyMap<string, EnforcedKey>): void {
  const all = [...model.values()];
  assert.equal(keys.size, all.length);
  const usable = all.filter((one) => one.pausedAtMs === null && (one.expiresAtMs ?? 9) > 1);
  assert.equal(keys.usableAt(1), usable.length);
  const facts = (view: KeyView | undefined) => view && [view.id, view.label, view.expiresAtMs, view.paused];
  for (const name of ['a', 'b', 'c', 'd', 'e']) {
    const one = model.get(name);
    const expected = facts(one && compileKey(one));
    assert.deepEqual(facts(keys.withId(name)), expected);
    assert.deepEqual(facts(keys.withDigest(sampleDigest(name))), expected);
    const labelled = all.filter(({ label }) => label === name).map(({ id }) => id);
    assert.deepEqual(
      keys
        .withLabel(name)
        .map(({ id }) => id)
        .sort(),
      labelled.sort(),
    );
  }
}
