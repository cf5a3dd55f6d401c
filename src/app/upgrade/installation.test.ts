import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kindOf, thisInstallation } from './installation.ts';

test('the kind of an installation is recognised by its files', () => {
  const facts = (isExecutable: boolean, execPath: string, there: string) => ({
    isExecutable,
    execPath,
    exists: (path: string) => path === there,
  });
  const list = '/var/lib/dpkg/info/flm-proxy.list';
  assert.equal(thisInstallation('', facts(true, '/usr/bin/flm', list)), 'debian');
  assert.equal(thisInstallation('', facts(true, '/usr/local/bin/flm', list)), 'executable');
  assert.equal(thisInstallation('', facts(true, '/usr/bin/flm', '')), 'executable');
  const entry = '/usr/lib/node_modules/flm-proxy/bin/flm.mjs';
  assert.equal(thisInstallation(entry, facts(false, '/usr/bin/node', '')), 'npm');
  assert.equal(
    thisInstallation('/opt/flm/bin/flm.mjs', facts(false, '/usr/bin/node', '/opt/flm/scripts/setup.mjs')),
    'clone',
  );
});

test('the kind of a file is recognised by its first bytes', () => {
  const elf = (machine: number): Buffer => {
    const head = Buffer.alloc(64);
    head.write('\x7fELF', 'latin1');
    head.writeUInt16LE(machine, 18);
    return head;
  };
  assert.equal(kindOf(elf(62)), 'x64 executable');
  assert.equal(kindOf(elf(183)), 'arm64 executable');
  assert.equal(kindOf(elf(243)), 'unknown');
  assert.equal(kindOf(Buffer.from('!<arch>\ndebian-binary')), 'debian package');
  assert.equal(kindOf(Buffer.from([0x1f, 0x8b, 8])), 'npm package');
  assert.equal(kindOf(Buffer.from('#!/bin/sh\n')), 'unknown');
  assert.equal(kindOf(Buffer.alloc(0)), 'unknown');
});
