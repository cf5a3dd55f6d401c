/** The ninety seconds of a first certificate, for real. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeCli } from '../helpers/cli.ts';
import { noPebble, startPebble } from '../helpers/pebble.ts';

test('a start ends after ninety seconds with what it waited for, and leaves nothing', {
  skip: noPebble,
}, async (t) => {
  const pebble = await startPebble(t);
  const cli = makeCli(t, { PATH: process.env.PATH });
  mkdirSync(cli.folder, { recursive: true });
  const hook = join(cli.folder, 'hook.mjs');
  // Each within its minute, all together too slow.
  writeFileSync(hook, "if (process.argv[2] === 'add') setTimeout(() => {}, 50_000);");

  const begunMs = performance.now();
  const failed = await cli.run(
    ...[
      'proxy',
      'start',
      '--mode',
      'https-acme',
      '--bind',
      '127.0.0.1',
      '--port',
      '0',
      '--acme-accept-terms',
    ],
    ...['--acme-directory', pebble.directory, '--acme-ca', pebble.caFile],
    ...['--domain', 'a.example.org', '--domain', 'b.example.org'],
    ...['--acme-dns-hook', `"${process.execPath}" "${hook}"`],
  );
  const tookMs = performance.now() - begunMs;

  t.diagnostic(`given up after ${Math.round(tookMs)} ms`);
  assert.equal(failed.code, 1);
  assert.match(failed.stderr, /^Waiting for the CA to validate a\.example\.org, b\.example\.org/);
  assert.match(
    failed.stderr,
    /the time limit \(90 s\) ended while flm waited for dns-01 of [ab]\.example\.org/,
  );
  assert.ok(tookMs > 90_000, `took ${tookMs} ms`);
  assert.deepEqual((await cli.run('proxy', 'status', '--json')).json(), { proxies: [] });
  const folder = join(cli.home, 'tls');
  assert.deepEqual(
    (existsSync(folder) ? readdirSync(folder) : []).filter((file) => /\.(pem|part|order)$/.test(file)),
    [],
  );
});
