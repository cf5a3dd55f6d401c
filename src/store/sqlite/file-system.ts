/**
 * Detects network file systems, on which SQLite's locks and shared memory do not work (sqlite.org/wal.html: "all
 * processes using a database must be on the same host").
 *
 * The decision is a pure function. Only `probeFileSystem` reads from the machine.
 */
import { readFileSync, realpathSync, statfsSync } from 'node:fs';

export interface FileSystemFacts {
  /** `f_type` of statfs(2); undefined where the system has no such number. */
  readonly magic: number | undefined;
  /** The type from /proc/self/mountinfo, needed to tell FUSE file systems apart. */
  readonly mountType?: string;
}

export type FileSystemProbe = (folder: string) => FileSystemFacts;

const fuseMagic = 0x65735546;

/** From statfs(2), linux/magic.h and, for file systems missing there, their sources. */
const networkMagics: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB'],
  [0x517b, 'SMB'],
  [0x01021997, '9P'],
  [0x00c36400, 'Ceph'],
  [0x0bd00bd0, 'Lustre'],
  [0x5346414f, 'AFS'],
  [0x6b414653, 'AFS'],
  [0x73757245, 'Coda'],
  [0x47504653, 'GPFS'],
  [0x564c, 'NCP'],
  [0x013111a8, 'IBRIX'],
  [0xaad7aaea, 'PanFS'],
  [0xbacbacbc, 'VMware shared folders'],
  [0x786f4256, 'VirtualBox shared folders'],
]);

/** FUSE also has local file systems (ntfs-3g, gocryptfs, virtiofs). Only these use a network. */
const networkFuseTypes =
  /^fuse\.(sshfs|s3fs|s3ql|goofys|gcsfuse|rclone|glusterfs|ceph|curlftpfs|davfs|smbnetfs|mfs|moosefs|lizardfs|juicefs|seaweedfs|gvfsd-fuse|vmhgfs-fuse|nfs|cifs|onedriver|google-drive-ocamlfuse|blobfuse2?|mount-s3|mountpoint-s3)$/;

/** Returns the name of the network file system, or undefined for a local one. */
export function networkFileSystem(facts: FileSystemFacts): string | undefined {
  if (facts.magic === undefined) return undefined;
  // f_type is signed on some machines.
  const magic = facts.magic >>> 0;
  if (magic !== fuseMagic) return networkMagics.get(magic);
  return networkFuseTypes.exec(facts.mountType ?? '')?.[1];
}

export function probeFileSystem(folder: string): FileSystemFacts {
  // Elsewhere f_type is an index that differs from one release to the next.
  if (process.platform !== 'linux') return { magic: undefined };
  const magic = statfsSync(folder).type;
  if (magic >>> 0 !== fuseMagic) return { magic };
  const mountType = mountTypeOf(realpathSync(folder), readFileSync('/proc/self/mountinfo', 'utf8'));
  return mountType === undefined ? { magic } : { magic, mountType };
}

/**
 * Returns the type of the deepest mount that contains `folder`. Of several mounts at one point, the last one wins.
 * proc_pid_mountinfo(5).
 */
export function mountTypeOf(folder: string, mountinfo: string): string | undefined {
  let best = '';
  let type: string | undefined;
  for (const line of mountinfo.split('\n')) {
    const [mount = '', tail = ''] = line.split(' - ');
    const place = (mount.split(' ')[4] ?? '').replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    const holds = place === '/' || folder === place || folder.startsWith(`${place}/`);
    if (place === '' || !holds || place.length < best.length) continue;
    best = place;
    type = tail.split(' ')[0];
  }
  return type;
}
