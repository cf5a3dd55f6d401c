import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keySlice, sampleKey } from '../../../test/helpers/key-samples.ts';
import { sampleDigest } from '../../../test/helpers/store-samples.ts';
import type { ApiKey } from './api-key.ts';
import { defaultPolicy, parsePolicy } from './security-policy.ts';
import { type Snapshot, SnapshotHolder } from './snapshot.ts';
import { SlicedKeys, StoredKeys } from './stored-keys.ts';

const key = (id: string, digest: string, parts: Partial<ApiKey> = {}): ApiKey =>
  sampleKey({ id, digest, ...parts });
const idsOf = ({ keys }: Snapshot) => ['k1', 'k2'].filter((id) => keys.withId(id) !== undefined);
const upsert = (...upserted: ApiKey[]) => ({ keys: { replaceAll: false, upserted, removedIds: [] } });

test('a change makes a new snapshot and leaves the old one as it was', () => {
  const holder = new SnapshotHolder(defaultPolicy);
  holder.apply(upsert(key('k1', 'd1')));
  const old = holder.current();
  holder.apply({ ...upsert(key('k2', 'd2')), policy: parsePolicy({ denyIps: ['10.0.0.1'] }) });

  assert.deepEqual(idsOf(old), ['k1']);
  assert.equal(old.policy.deny.empty, true);
  assert.deepEqual(idsOf(holder.current()), ['k1', 'k2']);
  assert.equal(holder.current().policy.deny.empty, false);
});

test('what did not change keeps its compiled form', () => {
  const holder = new SnapshotHolder(defaultPolicy);
  holder.apply(upsert(key('k1', 'd1')));
  const before = holder.current();
  holder.apply(upsert(key('k2', 'd2')));

  assert.equal(holder.current().keys.withId('k1'), before.keys.withId('k1'));
  assert.equal(holder.current().policy, before.policy);
});

test('a key that is replaced is not found by its old digest, one that is removed by none', () => {
  const holder = new SnapshotHolder(defaultPolicy);
  holder.apply(upsert(key('k1', 'd1'), key('k2', 'd2')));
  holder.apply(upsert(key('k1', 'd3', { revokedAtMs: 1 })));
  holder.apply({ keys: { replaceAll: false, upserted: [], removedIds: ['k2', 'unknown'] } });

  const { keys } = holder.current();
  assert.equal(keys.size, 1);
  assert.deepEqual(
    ['d1', 'd2', 'd3'].map((digest) => keys.withDigest(digest)?.revoked),
    [undefined, undefined, true],
  );
});

test('a load from the beginning forgets what is not in it', () => {
  const holder = new SnapshotHolder(defaultPolicy);
  holder.apply(upsert(key('k1', 'd1')));
  holder.apply({ keys: { replaceAll: true, upserted: [key('k2', 'd2')], removedIds: [] } });
  assert.deepEqual(idsOf(holder.current()), ['k2']);
});

test('listeners get both snapshots until they are removed', () => {
  const holder = new SnapshotHolder(defaultPolicy);
  const told: boolean[] = [];
  const off = holder.onSwap((old, now) => told.push(old !== now && now === holder.current()));
  holder.apply({});
  off();
  off();
  holder.apply({});
  assert.deepEqual(told, [true]);
});

test('a key that is revoked in memory stays so whatever the store says, until the store knows', () => {
  const holder = new SnapshotHolder(defaultPolicy);
  const swaps: (boolean | undefined)[] = [];
  holder.onSwap((_old, now) => swaps.push(now.keys.withId('k1')?.revoked));
  holder.apply(upsert(key('k1', 'd1', { models: ['qwen*'] }), key('k2', 'd2')));
  assert.equal(holder.revoke('unknown'), false);
  assert.equal(holder.revoke('k1'), true);
  const revoked = holder.current().keys.withDigest('d1');
  assert.deepEqual(
    [revoked?.revoked, revoked?.mayUseModel('qwen3'), revoked?.mayUseModel('x')],
    [true, true, false],
  );
  assert.equal(holder.current().keys.withId('k2')?.revoked, false);

  // A label is changed, the file is read again: neither brings it back.
  holder.apply(upsert(key('k1', 'd1', { label: 'new' })));
  holder.apply({ keys: { replaceAll: true, upserted: [key('k1', 'd1')], removedIds: [] } });
  holder.apply({ policy: defaultPolicy });
  assert.equal(holder.current().keys.withDigest('d1')?.revoked, true);

  holder.apply(upsert(key('k1', 'd1', { revokedAtMs: 5 })));
  assert.deepEqual(swaps, [false, true, true, true, true, true]);
});

test('after many keys are read, a key revoked in memory stays so, and one deleted meanwhile is not found', () => {
  const holder = new SnapshotHolder(defaultPolicy);
  const [k1, k2, k3, k4] = ['k1', 'k2', 'k3', 'k4'].map((id) => key(id, sampleDigest(id)));
  assert.ok(k1 && k2 && k3 && k4);
  holder.apply(upsert(k1, k2));
  holder.revoke('k1');
  const reread = (...first: ApiKey[]): void => {
    const slices = [first, [k3, k4]].map((keys) => new SlicedKeys(keySlice(keys)));
    const changed = [key('k4', sampleDigest('new'))];
    const removedIds = ['k3'];
    const upserted = new StoredKeys(slices, new Set(removedIds), changed);
    holder.apply({ keys: { replaceAll: true, upserted, removedIds } });
  };
  const revokedByDigest = (...names: string[]) =>
    names.map((name) => holder.current().keys.withDigest(sampleDigest(name))?.revoked);

  reread(k1, k2);
  assert.deepEqual(revokedByDigest('k1', 'k2', 'k3', 'k4', 'new'), [
    true,
    false,
    undefined,
    undefined,
    false,
  ]);
  assert.equal(holder.current().keys.size, 3);
  // The store knows the revocation now, so later states of the key are those of the store.
  reread({ ...k1, revokedAtMs: 1 }, k2);
  assert.deepEqual(revokedByDigest('k1', 'k2'), [true, false]);
  reread(k1, k2);
  assert.deepEqual(revokedByDigest('k1', 'k2'), [false, false]);
});

test('a name means the key with that id, otherwise every key that can be used and has that label', () => {
  const holder = new SnapshotHolder(defaultPolicy);
  holder.apply(
    upsert(
      key('k1', 'd1', { label: 'laptop', revokedAtMs: 1 }),
      key('k2', 'd2', { label: 'laptop', expiresAtMs: 10 }),
      key('k3', 'd3', { label: 'laptop' }),
      key('k4', 'd4', { label: 'k1' }),
    ),
  );
  const named = (name: string, nowMs: number) => holder.named(name, nowMs).map(({ id }) => id);
  assert.deepEqual(named('laptop', 9), ['k2', 'k3']);
  assert.deepEqual(named('laptop', 10), ['k3']);
  assert.deepEqual(named('k1', 9), ['k1']);
  assert.deepEqual(named('other', 9), []);
});

test('keys that are too old stay so through changes, until they are current again', () => {
  const holder = new SnapshotHolder(defaultPolicy);
  holder.setExpired(true);
  holder.apply(upsert(key('k1', 'd1')));
  assert.equal(holder.revoke('k1'), true);
  assert.equal(holder.current().expired, true);
  holder.setExpired(false);
  assert.equal(holder.current().expired, false);
});
