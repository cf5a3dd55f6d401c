import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backupName, parseBackupName, parseManifest } from './backup-manifest.ts';

const member = (name: string) => ({ name, bytes: 1, sha256: 'a'.repeat(64) });
const manifest = {
  format: 1,
  createdAt: '2026-11-27T03:30:00.000Z',
  host: 'box',
  flm: '1.2.3',
  store: 'sqlite',
  schema: { 'flm.db': 8 },
  counts: { api_key: 1 },
  auditHeads: [],
  files: [member('flm.db'), member('usage.db'), member('tls/authority.pem')],
};
const stateOf = (value: unknown): string => parseManifest(JSON.stringify(value)).state;

test('a manifest names both databases and files of certificates, and nothing else', () => {
  assert.equal(stateOf(manifest), 'sound');
  assert.equal(stateOf({ ...manifest, added: 'later' }), 'sound');
  for (const name of [
    '../flm.db',
    '/etc/passwd',
    'tls/../../x',
    'tls/a/b',
    'tls/.hidden',
    'tls/',
    'tls\\a',
    'run/a',
    'manifest.json',
    '',
  ])
    assert.equal(stateOf({ ...manifest, files: [...manifest.files, member(name)] }), 'damaged', name);
  assert.equal(stateOf({ ...manifest, files: manifest.files.slice(1) }), 'damaged');
  assert.equal(stateOf({ ...manifest, files: [...manifest.files, member('flm.db')] }), 'damaged');
  assert.equal(parseManifest('{').state, 'damaged');
});

test('a format of a newer flm is told apart from damage', () => {
  assert.deepEqual(parseManifest('{"format":2,"flm":"3.0.0","unknown":true}'), {
    state: 'newer',
    flm: '3.0.0',
  });
});

test('the name of a backup says its machine, its time and whether it is encrypted', () => {
  const atMs = Date.parse('2026-11-27T03:30:00Z');
  const name = backupName('box.example.org', atMs, true);

  assert.equal(name, 'flm-box-example-org-20261127T033000Z.tar.gz.age');
  assert.deepEqual(parseBackupName(name, 'box.example.org'), { atMs, encrypted: true });
  assert.equal(parseBackupName(name, 'box'), undefined);
  assert.equal(parseBackupName('flm-v1-20261124T150000000Z.db', 'v1'), undefined);
});
