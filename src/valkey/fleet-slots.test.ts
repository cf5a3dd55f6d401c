import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseEngineUrl } from '../engines/engine-url.ts';
import { slotsName } from './fleet-slots.ts';

test('nodes share the slots of an engine, unless each node means an engine of its own machine', () => {
  const isShared = (url: string): boolean => {
    const ref = { id: 'a', kind: 'vllm', origin: 'saved', ...parseEngineUrl(url) } as const;
    return slotsName(ref, 'node-1') === slotsName(ref, 'node-2');
  };
  for (const url of ['http://gpu.example:8000', 'http://127.example:8000', 'http://[::2]:8000'])
    assert.equal(isShared(url), true, url);
  for (const url of ['http://localhost:8000', 'http://127.0.0.2:8000', 'http://[::ffff:127.0.0.1]:8000'])
    assert.equal(isShared(url), false, url);
});
