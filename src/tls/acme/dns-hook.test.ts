import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { assertNoLeaks, takeStock } from '../../../test/helpers/leaks.ts';
import { MovedClock } from '../../../test/helpers/moved-clock.ts';
import { systemClock } from '../../core/clock.ts';
import { commandWords, DnsHook } from './dns-hook.ts';

const proof = { domain: 'llm.example.org', token: 't', authorization: 't.thumb' };
const never = new AbortController().signal;

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "flm hook's-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function hookOf(script: string, folder: string): string {
  const file = join(folder, 'hook.cjs');
  writeFileSync(file, script);
  return `"${process.execPath}" "${file}"`;
}

test('the hook gets the record before and after the CA checks', async (t) => {
  const folder = folderOf(t);
  const calls = join(folder, 'calls');
  const lines: string[] = [];
  const command = hookOf(
    `console.log('setting'); require('fs').appendFileSync(${JSON.stringify(calls)}, process.argv.slice(2).join(' ') + '\\n')`,
    folder,
  );
  const hook = new DnsHook({
    command,
    clock: systemClock,
    env: process.env,
    print: (line) => lines.push(line),
  });

  const takeAway = await hook.show(proof, never);
  const shown = readFileSync(calls, 'utf8');
  await takeAway();

  assert.match(shown, /^add _acme-challenge\.llm\.example\.org [A-Za-z0-9_-]{43}\n$/);
  assert.equal(readFileSync(calls, 'utf8'), `${shown}${shown.replace('add', 'remove')}`);
  assert.deepEqual(lines, ['setting', 'setting']);
});

test('no shell reads the command', async (t) => {
  const folder = folderOf(t);
  const mark = join(folder, 'mark');
  const command = `${hookOf("require('fs').writeFileSync(process.argv[2], process.argv.slice(3).join('|'))", folder)} "${join(folder, 'out')}" ; touch "${mark}" $(touch x) \`touch y\``;
  const hook = new DnsHook({ command, clock: systemClock, env: process.env, print: () => {} });

  await hook.show(proof, never);

  assert.ok(!existsSync(mark));
  assert.match(readFileSync(join(folder, 'out'), 'utf8'), /^;\|touch\|.*\|\$\(touch\|x\)\|`touch\|y`\|add\|/);
});

test('the hook has the environment that it is given, and no other', async (t) => {
  const lines: string[] = [];
  const command = hookOf('console.log(Object.keys(process.env).join())', folderOf(t));
  const env = { DNS_TOKEN: 'secret' };
  const hook = new DnsHook({ command, clock: systemClock, env, print: (line) => lines.push(line) });

  await hook.show(proof, never);

  assert.deepEqual(lines, ['DNS_TOKEN']);
});

test('a command is split at spaces, and quotes keep some', () => {
  assert.deepEqual(commandWords(`  /a/b  "c d" 'e "f"' g `), ['/a/b', 'c d', 'e "f"', 'g']);
});

test('a hook that fails is reported with its last output, and its record is removed', async (t) => {
  const folder = folderOf(t);
  const lines: string[] = [];
  const command = hookOf("console.error('\\x1b[31mno such zone'); process.exit(3)", folder);
  const hook = new DnsHook({
    command,
    clock: systemClock,
    env: process.env,
    print: (line) => lines.push(line),
  });

  await assert.rejects(hook.show(proof, never), {
    code: 'PROXY_ACME_FAILED',
    message:
      /the DNS hook failed: add _acme-challenge\.llm\.example\.org: exit status 3, after it printed "\[31mno such zone"/,
  });
  assert.equal(lines.filter((line) => line === '[31mno such zone').length, 2);
  const absent = new DnsHook({
    command: '/nowhere/hook',
    clock: systemClock,
    env: process.env,
    print: () => {},
  });
  await assert.rejects(absent.show(proof, never), { message: /it cannot be run \(ENOENT\)/ });
});

test('a hook that hangs is ended with all that it began, when its minute is over', async (t) => {
  const before = takeStock();
  const folder = folderOf(t);
  const command = hookOf(
    "if (process.argv[2] === 'remove') process.exit(0); require('child_process').spawn('sleep', ['600'], { stdio: 'inherit' }); console.log('begun')",
    folder,
  );
  const clock = new MovedClock();
  const begun = Promise.withResolvers<void>();
  const hook = new DnsHook({ command, clock, env: process.env, print: () => begun.resolve() });

  const shown = hook.show(proof, never);
  await begun.promise;
  const moved = clock.move(60_000);

  await assert.rejects(shown, { message: /it took longer than 60 s to add/ });
  await moved;
  assert.equal(clock.timers, 0);
  await assertNoLeaks(before);
});
