import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '../..');

test('the linter names each promise without an owner, those of node included', (t) => {
  // A folder of its own: the repository's configuration leaves fixtures out.
  const folder = mkdtempSync(join(tmpdir(), 'flm-promises-'));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const name of ['.oxlintrc.json', 'tsconfig.json', 'package.json'])
    cpSync(join(root, name), join(folder, name));
  cpSync(join(root, 'test/fixtures/promises'), join(folder, 'src'), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));

  const oxlint = join(root, 'node_modules/oxlint/bin/oxlint');
  const run = spawnSync(process.execPath, [oxlint, '--type-aware', '--format=unix', 'src'], {
    cwd: folder,
    encoding: 'utf8',
  });

  const lines = readFileSync(join(folder, 'src/floating.ts'), 'utf8').split('\n');
  const expected = lines.flatMap((line, index) => (/\/\/ (floating|misused)$/.test(line) ? [index + 1] : []));
  const named = [...run.stdout.matchAll(/^src\/floating\.ts:(\d+):\d+:.*no-(?:floating|misused)-promises/gm)];
  assert.deepEqual(
    named.map((match) => Number(match[1])),
    expected,
    run.stdout + run.stderr,
  );
  assert.equal(run.status, 1);
});
