/** The stored inputs of each fuzz target, and the search itself. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { lineOf, readCorpus } from './corpus.ts';
import { targets } from './targets.ts';

/** Its requests write to a disk. `.ci/run fuzz` runs them. */
const slow = new Set(['admin-input']);

for (const [name, load] of Object.entries(targets)) {
  if (slow.has(name)) continue;
  test(`every stored input of ${name} is read as the reference reads it`, async () => {
    const target = await load();
    const inputs = [...readCorpus(name), ...target.seeds.map((text) => Buffer.from(text, 'latin1'))];
    for (const input of inputs) {
      try {
        await target.check(input);
      } catch (error) {
        assert.fail(`${lineOf(input)}: ${String(error)}`);
      }
    }
  });
}

test('the search finds a fault behind a chain of conditions, and shortens the input', async () => {
  const worker = new Worker(join(import.meta.dirname, 'planted-fault.ts'));
  const found = await new Promise<{ input: string; runs: number }>((resolve, reject) => {
    worker.on('message', resolve);
    worker.on('error', reject);
  });
  assert.equal(found.input, 'fl');
});
