/**
 * Checks before a start whether a port is free and, if not, which program holds it, so that a common mistake gets a
 * clear error. Only the exclusive bind decides.
 */
import { createServer } from 'node:net';
import { readNames, readText, socketInode } from './proc-files.ts';

/**
 * Undefined if the port is free, or if binding fails for another reason, which the real bind will report. Otherwise the
 * words that follow "is already in use": ` by nginx (pid 812)`, or nothing if the program is unknown.
 */
export async function portHolder(address: string, port: number): Promise<string | undefined> {
  const use = await portUse(address, port);
  if (use === 'free') return undefined;
  return use === 'unknown' ? '' : ` by ${use.name} (pid ${use.pid})`;
}

/** `free` also if binding fails for another reason; `unknown`: a program has the port, and this user may not see which. */
export type PortUse = 'free' | 'unknown' | PortHolder;

export async function portUse(address: string, port: number): Promise<PortUse> {
  if (!(await isTaken(address, port))) return 'free';
  return (process.platform === 'linux' ? linuxHolder(port) : undefined) ?? 'unknown';
}

function isTaken(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'EADDRINUSE'));
    server.listen({ host: address, port, exclusive: true }, () => server.close(() => resolve(false)));
  });
}

export interface PortHolder {
  readonly pid: number;
  readonly name: string;
}

/** Finds the process that listens on a port, if this user may see it: first the socket inode, then its process. */
function linuxHolder(port: number): PortHolder | undefined {
  const inodes = new Set(['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) => listenersOn(table, port)));
  if (inodes.size === 0) return undefined;
  for (const pid of readNames('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    for (const fd of readNames(`/proc/${pid}/fd`)) {
      const inode = socketInode(Number(pid), fd);
      if (inode !== undefined && inodes.has(inode)) {
        return {
          pid: Number(pid),
          name: readText(`/proc/${pid}/comm`)
            .trim()
            .replaceAll(/[^\x20-\x7e]/g, '?'),
        };
      }
    }
  }
  return undefined;
}

/** proc_net_tcp: local address is the second column, state (0A: listening) the fourth, inode the tenth. */
function listenersOn(table: string, port: number): string[] {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  return readText(table)
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((columns) => columns[1]?.endsWith(`:${wanted}`) === true && columns[3] === '0A')
    .flatMap((columns) => columns[9] ?? []);
}
