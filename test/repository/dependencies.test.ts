import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const read = (name: string): string => readFileSync(join(import.meta.dirname, '../..', name), 'utf8');
interface Manifest {
  readonly dependencies: Record<string, string>;
  readonly devDependencies: Record<string, string>;
  readonly allowScripts: Record<string, boolean>;
}

interface Locked {
  readonly integrity?: string;
  readonly resolved?: string;
  readonly hasInstallScript?: boolean;
}

const manifest = JSON.parse(read('package.json')) as Manifest;
const locked = (name: string): [path: string, entry: Locked][] => {
  const { packages } = JSON.parse(read(name)) as { packages: Record<string, Locked> };
  return Object.entries(packages).filter(([path]) => path !== '');
};

test('docs/dependencies.md gives a reason for each runtime dependency and for no other', () => {
  const [runtime = ''] = read('docs/dependencies.md').split('Optional parts use these packages.');
  const rows = [...runtime.matchAll(/^\| ([^|]+) \| ([^|]+) \|$/gm)]
    .map(([, name = '', reason = '']) => ({ name: name.trim(), reason: reason.trim() }))
    .filter(({ name }) => name !== 'package' && !name.startsWith('---'));

  assert.deepEqual(rows.map(({ name }) => name).sort(), Object.keys(manifest.dependencies).sort());
  for (const { name, reason } of rows) assert.ok(reason.length > 20, `${name} has a reason`);
});

test('there are twelve runtime dependencies or fewer', () => {
  assert.ok(Object.keys(manifest.dependencies).length <= 12);
});

test('every dependency is pinned to one version', () => {
  for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
    assert.match(version, /^(npm:.+@)?\d+\.\d+\.\d+$/, name);
  }
});

test('the lockfiles name hashes and no registry', () => {
  for (const name of ['package-lock.json', 'scripts/node24/package-lock.json']) {
    for (const [path, entry] of locked(name)) {
      assert.ok(entry.integrity, `${path} has a hash`);
      assert.equal(entry.resolved, undefined, `${path} names a registry`);
    }
  }
});

test('no package but the pinned Node runs a script when it is installed', () => {
  const withScript = locked('package-lock.json').flatMap(([path, entry]) =>
    entry.hasInstallScript ? [path] : [],
  );

  assert.deepEqual(manifest.allowScripts, { node: true });
  assert.deepEqual(withScript, ['node_modules/node']);
});
