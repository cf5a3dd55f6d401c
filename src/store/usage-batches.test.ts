/** Batches of counted usage before they are stored. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sampleUsage, sometimeMs } from '../../test/helpers/store-samples.ts';
import type { UsedTokens } from '../core/security/limits-authority.ts';
import { UsageBatches } from './usage-batches.ts';
import { dayNumber } from './usage-row.ts';

const day = dayNumber(sometimeMs);
const totals = (tokens: number, sequence: number, replaceAll = false) => ({
  day,
  replaceAll,
  tokens: new Map([['key_a', tokens]]),
  sequence,
});

test('requests of one day, key and model are one row', () => {
  const batches = new UsageBatches('w');
  batches.add(sampleUsage());
  batches.add(sampleUsage({ estimated: true }));
  batches.add(sampleUsage({ model: 'other' }));
  const batch = batches.next();
  assert.deepEqual(
    batch?.rows.map((row) => [row.model, row.requests, row.inputTokens, row.estimatedRequests]),
    [
      ['llama3:8b', 2, 6, 1],
      ['other', 1, 3, 0],
    ],
  );
  assert.equal(batch.sequence, 1);
});

test('a request that differs from the last one of its key in one label has a row of its own', () => {
  const batches = new UsageBatches('w');
  const later = sampleUsage().atMs + 3_600_000;
  const others: Parameters<typeof sampleUsage>[0][] = [
    { model: 'other' },
    { engine: 'other' },
    { ending: 'timeout' },
    { answered: false },
    { atMs: later },
    { keyId: 'key_b' },
    { model: 'half \ud800' },
  ];
  for (const parts of others) {
    batches.add(sampleUsage());
    batches.add(sampleUsage(parts));
    batches.add(sampleUsage(parts));
  }
  const rows = batches.next()?.hours.map((hour) => hour.requests);
  assert.deepEqual(rows, [others.length, ...others.map(() => 2)]);
});

test('a request after a batch was sent changes nothing in that batch', () => {
  const batches = new UsageBatches('w');
  batches.add(sampleUsage());
  const sent = batches.next();
  const before = JSON.stringify([sent?.hours, [...(sent?.uses ?? [])]]);
  batches.add(sampleUsage({ address: '192.0.2.99' }));
  assert.equal(JSON.stringify([sent?.hours, [...(sent?.uses ?? [])]]), before);
});

test('nothing counted is no batch', () => {
  assert.equal(new UsageBatches('w').next(), undefined);
});

test('a batch stays the same until it is acknowledged, what comes meanwhile is the next one', () => {
  const batches = new UsageBatches('w');
  batches.add(sampleUsage());
  const first = batches.next();
  batches.add(sampleUsage({ keyId: 'key_b' }));
  assert.equal(batches.next(), first);
  assert(first !== undefined);
  batches.acknowledge(first);
  const second = batches.next();
  assert.deepEqual([second?.sequence, second?.rows[0]?.keyId], [2, 'key_b']);
});

test('tokens are counted once on their way from memory to the totals', () => {
  const batches = new UsageBatches('w');
  const seen: number[] = [];
  const look = () => seen.push(batches.today('key_a', day));
  batches.count(totals(100, 0, true));
  batches.add(sampleUsage());
  look();
  const batch = batches.next();
  look();
  batches.add(sampleUsage());
  look();
  assert(batch !== undefined);
  batches.acknowledge(batch);
  look();
  // Totals from before the batch: another proxy wrote 50.
  batches.count(totals(150, 0));
  look();
  batches.count(totals(157, 1));
  look();
  assert.deepEqual(seen, [107, 107, 114, 114, 164, 164]);
});

test('after a hand-over each token counts once, in whatever order it is stored, told and looked up', () => {
  const old = new UsageBatches('old');
  const next = new UsageBatches('next');
  const tell = (used: UsedTokens) => next.countUsed(used);
  for (const used of old.exportUncounted()) next.countUsed(used);
  const told: UsedTokens[] = [];
  old.onUsed = (used) => told.push(used);
  old.add(sampleUsage());
  const { rows, sequence } = old.next() ?? assert.fail('a batch');
  const tokens = (rows[0]?.inputTokens ?? 0) + (rows[0]?.outputTokens ?? 0);
  assert.deepEqual(next.otherWriters(), ['old'], 'known before it used anything');
  // The store already holds what the old process tells later.
  next.count({ ...totals(tokens, 0, true), others: new Map([['old', sequence]]) });
  told.forEach(tell);
  assert.equal(next.today('key_a', day), tokens);
  old.add(sampleUsage());
  told.slice(1).forEach(tell);
  assert.equal(next.today('key_a', day), 2 * tokens);
});

test('at midnight a budget starts again', () => {
  const batches = new UsageBatches('w');
  batches.count(totals(100, 0, true));
  batches.add(sampleUsage());
  assert.equal(batches.today('key_a', day + 1), 0);
  batches.add(sampleUsage({ atMs: sometimeMs + 86_400_000 }));
  assert.equal(batches.today('key_a', day + 1), 7);
  // A request that ended late counts for yesterday.
  batches.add(sampleUsage());
  assert.equal(batches.today('key_a', day + 1), 7);
  assert.deepEqual(
    batches.next()?.rows.map((row) => [row.day, row.requests]),
    [
      ['2025-06-15', 2],
      ['2025-06-16', 1],
    ],
  );
});

test('audit entries past the bound are counted, not kept', () => {
  const batches = new UsageBatches('w');
  const entry = { atMs: 1, actor: 'proxy:a', action: 'auth.refused', subject: 'x' };
  for (let i = 0; i < 600; i++) batches.record(entry);
  const audit = batches.next()?.audit;
  assert.equal(audit?.length, 501);
  assert.deepEqual(audit.at(-1), { ...entry, action: 'audit.dropped', subject: '100' });
});

test('a key was last used when it was used latest, also where answers end out of order', () => {
  const batches = new UsageBatches('w');
  batches.add(sampleUsage({ atMs: 20, address: '::1' }));
  batches.add(sampleUsage({ atMs: 10, address: '::2' }));
  assert.deepEqual(batches.next()?.uses, new Map([['key_a', { atMs: 20, address: '::1' }]]));
});
