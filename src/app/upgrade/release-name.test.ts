import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOlderVersion, isVersion, type NamedFile, nameConflict, parseReleaseName } from './release-name.ts';

test('the name of a file of a release states kind, version and architecture', () => {
  const parsed = (name: string): unknown => {
    const { kind, version, architecture } = parseReleaseName(name) ?? {};
    return [kind, version, architecture];
  };
  assert.deepEqual(parsed('flm-0.2.0-linux-x64'), ['x64 executable', '0.2.0', 'x64']);
  assert.deepEqual(parsed('flm-1.0.0-rc.1-linux-arm64'), ['arm64 executable', '1.0.0-rc.1', 'arm64']);
  assert.deepEqual(parsed('flm-proxy_1.0.0-rc.1_amd64.deb'), ['debian package', '1.0.0-rc.1', 'x64']);
  assert.deepEqual(parsed('flm-proxy_0.2.0_arm64.deb'), ['debian package', '0.2.0', 'arm64']);
  assert.deepEqual(parsed('flm-proxy-0.2.0.tgz'), ['npm package', '0.2.0', undefined]);
  for (const other of [
    'flm',
    'flm-0.2-linux-x64',
    'flm-0.2.0-linux-x86',
    'flm-0.2.0-image-linux-x64.tar',
    '',
  ])
    assert.equal(parseReleaseName(other), undefined, other);
});

test('a file is refused if its signed name states another kind, architecture or name', () => {
  const genuine: NamedFile = {
    file: '/offers/flm-0.2.0-linux-x64',
    signedName: 'flm-0.2.0-linux-x64',
    kind: 'x64 executable',
    architecture: 'x64',
  };
  const conflict = (change: Partial<NamedFile>): string => nameConflict({ ...genuine, ...change }) ?? 'none';

  assert.equal(conflict({}), 'none');
  assert.equal(conflict({ file: '/offers/download' }), 'none');
  assert.match(conflict({ signedName: 'LICENSES.txt' }), /cannot be installed: .* as LICENSES\.txt/);
  assert.match(conflict({ signedName: 'flm-0.2.0-linux-arm64' }), /the kind "x64 executable", but .*-arm64$/);
  assert.match(
    conflict({ file: '/offers/flm-0.3.0-linux-x64' }),
    /another file: .* as flm-0\.2\.0-linux-x64/,
  );
  const debian = { file: 'x', kind: 'debian package', signedName: 'flm-proxy_0.2.0_amd64.deb' } as const;
  assert.equal(conflict(debian), 'none');
  assert.match(conflict({ ...debian, architecture: 'arm64' }), /is for x64, and this machine is arm64/);
  assert.match(conflict({ ...debian, signedName: 'flm-proxy-0.2.0.tgz' }), /the kind "debian package", but/);
  assert.match(conflict({ ...debian, file: 'flm-proxy_0.3.0_amd64.deb' }), /has the name of another file/);
});

test('versions of Semantic Versioning are accepted and compared, with pre-releases', () => {
  for (const version of ['0.2.0', '1.0.0-rc.1', '1.0.0-alpha-2.x+build.5', '10.20.30+5'])
    assert.ok(isVersion(version), version);
  for (const other of ['', '1.0', 'v1.0.0', '1.0.0-', '1.0.0-rc..1', '1.0.0 ', '1.0.0\n', '1.0.0-rc_1'])
    assert.equal(isVersion(other), false, other);

  // The order of section 11 of the specification, and versions around it.
  const order = [
    ...['0.9.10', '1.0.0-alpha', '1.0.0-alpha.1', '1.0.0-alpha.beta', '1.0.0-beta', '1.0.0-beta.2'],
    ...['1.0.0-beta.11', '1.0.0-rc.1', '1.0.0', '1.0.1-rc.1', '1.0.1', '1.1.0', '1.10.0', '2.0.0'],
  ];
  for (const [i, a] of order.entries())
    for (const [j, b] of order.entries()) assert.equal(isOlderVersion(a, b), i < j, `${a} and ${b}`);
  assert.equal(isOlderVersion('1.0.0+a', '1.0.0+b'), false);
});
