/** Detecting network file systems. */
import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { mountTypeOf, networkFileSystem, probeFileSystem } from './file-system.ts';

test('network file systems are known by their number, signed or not', () => {
  assert.equal(networkFileSystem({ magic: 0x6969 }), 'NFS');
  assert.equal(networkFileSystem({ magic: 0xff534d42 }), 'CIFS');
  assert.equal(networkFileSystem({ magic: 0xff534d42 | 0 }), 'CIFS');
  assert.equal(networkFileSystem({ magic: 0x01021997 }), '9P');
  assert.equal(networkFileSystem({ magic: 0x00c36400 }), 'Ceph');
  assert.equal(networkFileSystem({ magic: 0x0bd00bd0 }), 'Lustre');
  assert.equal(networkFileSystem({ magic: 0x5346414f }), 'AFS');
});

test('local file systems are let through: ext4, btrfs, xfs, tmpfs, overlay, zfs', () => {
  for (const magic of [0xef53, 0x9123683e, 0x58465342, 0x01021994, 0x794c7630, 0x2fc12fc1]) {
    assert.equal(networkFileSystem({ magic }), undefined, magic.toString(16));
  }
  assert.equal(networkFileSystem({ magic: undefined }), undefined);
  assert.equal(networkFileSystem(probeFileSystem(tmpdir())), undefined);
});

test('of FUSE only what reaches over a network is refused', () => {
  const magic = 0x65735546;
  assert.equal(networkFileSystem({ magic, mountType: 'fuse.sshfs' }), 'sshfs');
  assert.equal(networkFileSystem({ magic, mountType: 'fuse.rclone' }), 'rclone');
  assert.equal(networkFileSystem({ magic, mountType: 'fuse.gocryptfs' }), undefined);
  assert.equal(networkFileSystem({ magic, mountType: 'fuseblk' }), undefined);
  assert.equal(networkFileSystem({ magic }), undefined);
});

test('the deepest mount that holds a folder gives its type', () => {
  const mountinfo = [
    '21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw',
    '40 21 0:40 / /home/me/far\\040away rw shared:2 - fuse.sshfs me@host:/ rw',
    '41 21 0:41 / /home/me/far rw - tmpfs tmpfs rw',
    '',
  ].join('\n');
  assert.equal(mountTypeOf('/home/me/far away/flm', mountinfo), 'fuse.sshfs');
  assert.equal(mountTypeOf('/home/me/far', mountinfo), 'tmpfs');
  assert.equal(mountTypeOf('/home/me/farther', mountinfo), 'ext4');
  assert.equal(mountTypeOf('/srv', ''), undefined);
});
