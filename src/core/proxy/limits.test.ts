import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectionsWithin, limitsSchema } from './limits.ts';

const limits = limitsSchema.parse({});

test('connections of clients leave descriptors for engines, store and log', () => {
  assert.equal(connectionsWithin(limits, undefined), limits.maxConnections);
  assert.equal(connectionsWithin(limits, 1_048_576), limits.maxConnections);
  assert.equal(connectionsWithin(limits, 1024), 462);
  assert.equal(connectionsWithin(limits, 64), 8);
});
