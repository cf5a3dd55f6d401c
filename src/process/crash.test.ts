import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

const room = JSON.stringify(join(import.meta.dirname, 'crash.ts'));

function run(mistake: string) {
  const program = `const { endByMistake } = await import(${room}); endByMistake(); ${mistake}; setInterval(() => {}, 1000);`;
  return spawnSync(process.execPath, ['--input-type=module', '--eval', program], { encoding: 'utf8' });
}

for (const [name, mistake] of [
  ['an exception that nobody caught', `setTimeout(() => { throw new Error('a\\nb') })`],
  ['a rejection that nobody handled', `Promise.reject(new Error('a\\nb'))`],
] as const) {
  test(`${name} ends the process with one line of the log and status 2`, () => {
    const { status, stderr } = run(mistake);
    assert.equal(status, 2);
    const lines = stderr.trimEnd().split('\n');
    assert.equal(lines.length, 1, stderr);
    const { level, error, msg } = JSON.parse(lines[0] ?? '');
    assert.deepEqual([level, msg], ['error', 'flm ended because of an internal error']);
    assert.match(error, /^Error: a\nb\n {4}at /);
  });
}
