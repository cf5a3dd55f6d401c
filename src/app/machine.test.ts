import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';

const skip = process.platform === 'win32' ? 'needs ulimit' : false;

test('the addresses of the machine stay known while too many files are open', { skip }, () => {
  const module = pathToFileURL(`${import.meta.dirname}/machine.ts`).href;
  const script = `
    import { openSync } from 'node:fs';
    import { networkInterfaces } from 'node:os';
    import { thisMachine } from '${module}';
    const machine = thisMachine(process.env);
    const before = machine.addresses();
    try {
      for (;;) openSync('/dev/null');
    } catch {}
    let isRefused = false;
    try {
      networkInterfaces();
    } catch {
      isRefused = true;
    }
    const now = machine.addresses();
    process.stdout.write(JSON.stringify({ isRefused, before, now, named: machine.names().addresses }));`;
  const { status, stdout, stderr } = spawnSync(
    '/bin/sh',
    ['-c', 'ulimit -n 200; exec "$0" --input-type=module -e "$1"', process.execPath, script],
    { encoding: 'utf8' },
  );
  assert.equal(status, 0, stderr);
  const { isRefused, before, now, named } = JSON.parse(stdout);
  assert.equal(isRefused, true);
  assert.deepEqual([now, named], [before, before]);
});
