/**
 * Listening sockets that systemd opened and passed to this process (socket activation, sd_listen_fds(3)).
 *
 * Finds the sockets by their descriptors and accepts no connections on them. Node marks inherited descriptors as
 * close-on-exec when it starts, so no child process of flm (engine, ACME hook) gets them.
 */
import type { Environment } from '../core/environment.ts';
import { ProxyError } from '../core/errors.ts';
import { readText, socketInode } from './proc-files.ts';

export interface PassedSocket {
  readonly fd: number;
  readonly address: string;
  readonly port: number;
}

/** The first descriptor that systemd passes. */
const firstFd = 3;
const maxSockets = 64;

/** Empty if no sockets were passed to this process. Throws PROXY_SOCKETS_UNUSABLE. */
export function passedSockets(env: Environment, pid = process.pid): readonly PassedSocket[] {
  const count = Number(env.LISTEN_FDS);
  // The variables were inherited and are meant for another process.
  if (Number(env.LISTEN_PID) !== pid || !Number.isInteger(count) || count < 1) return [];
  if (count > maxSockets) throw unusable(`there are ${count}, and flm takes at most ${maxSockets}`);
  const listeners = [
    ...listenersIn(readText('/proc/self/net/tcp'), ipv4),
    ...listenersIn(readText('/proc/self/net/tcp6'), ipv6),
  ];
  return Array.from({ length: count }, (_, index) => {
    const fd = firstFd + index;
    const inode = socketInode('self', fd);
    const listener = listeners.find((l) => l.inode === inode);
    if (inode === undefined || listener === undefined)
      throw unusable(`descriptor ${fd} is not a listening TCP socket`);
    return { fd, address: listener.address, port: listener.port };
  });
}

function unusable(reason: string): ProxyError {
  return new ProxyError('PROXY_SOCKETS_UNUSABLE', { params: { reason } });
}

interface ListeningLine {
  readonly inode: string;
  readonly address: string;
  readonly port: number;
}

/** proc_net_tcp: local address is the second column, state (0A: listening) the fourth, inode the tenth. */
export function listenersIn(table: string, addressOf: (hex: string) => string): readonly ListeningLine[] {
  return table
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .flatMap(([, local = '', , state, , , , , , inode = '']) => {
      const [address = '', port = ''] = local.split(':');
      return state === '0A' ? [{ inode, address: addressOf(address), port: Number.parseInt(port, 16) }] : [];
    });
}

/** One 32-bit word in the byte order of the machine. All platforms of Node are little-endian except s390x. */
const bytesOf = (hex: string): readonly number[] => [...Buffer.from(hex, 'hex')].reverse();

export function ipv4(hex: string): string {
  return bytesOf(hex).join('.');
}

export function ipv6(hex: string): string {
  const words = hex.match(/.{8}/g) ?? [];
  const bytes = words.flatMap(bytesOf);
  const groups = Array.from({ length: 8 }, (_, i) =>
    (((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0)).toString(16),
  );
  // The URL parser writes the short form of RFC 5952.
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}
