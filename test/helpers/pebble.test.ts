import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, test } from 'node:test';

const folder = mkdtempSync(join(tmpdir(), 'flm-no-pebble-'));
after(() => rmSync(folder, { recursive: true, force: true }));
for (const program of ['pebble', 'pebble-challtestsrv'])
  writeFileSync(join(folder, program), `#!/bin/sh\necho "$0 reads no such file" >&2\nexit 1\n`, {
    mode: 0o755,
  });
process.env.FLM_TEST_PEBBLE = folder;
// Reads the variable when it is loaded.
const { noPebble, startPebble } = await import('./pebble.ts');

test('a Pebble that ends before it answers fails at once, with its output', {
  skip: noPebble,
  timeout: 60_000,
}, async (t) => {
  await assert.rejects(startPebble(t), /pebble does not start:\n.*pebble reads no such file/s);
});
