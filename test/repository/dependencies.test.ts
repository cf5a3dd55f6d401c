import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const read = (name: string): string => readFileSync(join(import.meta.dirname, '../..', name), 'utf8');
const manifest = JSON.parse(read('package.json')) as Record<
  'dependencies' | 'devDependencies',
  Record<string, string>
>;

test('docs/dependencies.md gives a reason for each runtime dependency and for no other', () => {
  const rows = [...read('docs/dependencies.md').matchAll(/^\| ([^|]+) \| ([^|]+) \|$/gm)]
    .map(([, name = '', reason = '']) => ({ name: name.trim(), reason: reason.trim() }))
    .filter(({ name }) => name !== 'package' && !name.startsWith('---'));

  assert.deepEqual(rows.map(({ name }) => name).sort(), Object.keys(manifest.dependencies).sort());
  for (const { name, reason } of rows) assert.ok(reason.length > 20, `${name} has a reason`);
});

test('there are ten runtime dependencies or fewer', () => {
  assert.ok(Object.keys(manifest.dependencies).length <= 10);
});

test('every dependency is pinned to one version', () => {
  for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
    assert.match(version, /^(npm:.+@)?\d+\.\d+\.\d+$/, name);
  }
});

test('the lockfiles name hashes and no registry', () => {
  for (const name of ['package-lock.json', 'scripts/node24/package-lock.json']) {
    const { packages } = JSON.parse(read(name)) as {
      packages: Record<string, { integrity?: string; resolved?: string }>;
    };
    for (const [path, entry] of Object.entries(packages)) {
      if (path === '') continue;
      assert.ok(entry.integrity, `${path} has a hash`);
      assert.equal(entry.resolved, undefined, `${path} names a registry`);
    }
  }
});
