/** The systemd units of the Debian package and of the docs give a stop the time that a proxy needs by default. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { debianUnit } from '../../scripts/release/unit.ts';
import { parseProxyConfig } from '../../src/core/proxy/proxy-config.ts';

const page = readFileSync(join(import.meta.dirname, '../../docs/operations.md'), 'utf8');

const stopSeconds = (text: string): readonly number[] =>
  [...text.matchAll(/^TimeoutStopSec=(\d+)$/gm)].map(([, seconds]) => Number(seconds));

test('systemd waits longer than the default grace time, in the docs as long as in the package', () => {
  const [packaged = 0] = stopSeconds(debianUnit());
  assert.ok(packaged > parseProxyConfig({}).graceMs / 1000);
  for (const seconds of stopSeconds(page)) assert.equal(seconds, packaged);
});
