import assert from 'node:assert/strict';
import process from 'node:process';
import { test } from 'node:test';
import { thisProgram } from './this-program.ts';

test('a program that Node runs starts again with its script', () => {
  assert.deepEqual(thisProgram('/opt/flm/bin/flm.mjs'), {
    command: process.execPath,
    args: ['/opt/flm/bin/flm.mjs'],
  });
});

test('a single executable starts again without a script', () => {
  const facts = { execPath: '/usr/bin/flm', isExecutable: true };
  // Node gives an executable its own path as the script, too.
  assert.deepEqual(thisProgram('/usr/bin/flm', facts), { command: '/usr/bin/flm', args: [] });
});
