/**
 * Turns an error of the operating system into an error with advice for its errno: a full disk needs other advice than a
 * folder of another user.
 */
import { ProxyError } from './errors.ts';

interface Advice {
  readonly reason: string;
  readonly advice: string;
}

const known: Readonly<Record<string, Advice>> = {
  EACCES: {
    reason: 'this user does not have the right',
    advice: 'Give this user the right, or run flm as the user that owns the place.',
  },
  EPERM: {
    reason: 'this user does not have the right',
    advice: 'Give this user the right, or run flm as the user that owns the place.',
  },
  ENOSPC: {
    reason: 'the disk is full',
    advice: 'Free some space and try again; `df -h` shows which disk is full.',
  },
  EDQUOT: {
    reason: "this user's part of the disk is used up",
    advice: 'Free some space of this user and try again.',
  },
  EROFS: {
    reason: 'the file system is read-only',
    advice: 'Point FLM_HOME at a folder that can be written, or mount the file system for writing.',
  },
  EMFILE: {
    reason: 'this process has too many files and connections open',
    advice: 'Raise the limit: `ulimit -n 65536` in a shell, LimitNOFILE=65536 in a systemd unit.',
  },
  ENFILE: {
    reason: 'all programs of this machine together have too many files open',
    advice: 'End a program that holds many files, or raise the limit: `sudo sysctl fs.file-max=1000000`.',
  },
  ENOMEM: {
    reason: 'there is not enough memory',
    advice: 'End another program, or give this one more memory.',
  },
  ENOENT: { reason: 'a part of the path does not exist', advice: 'Check the path.' },
  ENOTDIR: { reason: 'a part of the path is not a folder', advice: 'Check the path.' },
  ELOOP: { reason: 'the path leads through too many links', advice: 'Check the links on the path.' },
  ENAMETOOLONG: { reason: 'the path is too long', advice: 'Choose a shorter path.' },
  EIO: {
    reason: 'the disk reports an error',
    advice: 'Check the disk; the log of the system (`dmesg`) says more.',
  },
  EADDRINUSE: {
    reason: 'another program has the port',
    advice: 'Choose another port with --port N (0 takes a free one), or stop the program that holds it.',
  },
  EADDRNOTAVAIL: {
    reason: 'this machine does not have the address',
    advice: 'Give --bind an address of this machine, or leave it out.',
  },
};

/** The errno of an error of the system: `ENOSPC`. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return undefined;
  return typeof error.code === 'string' && /^E[A-Z0-9]+$/.test(error.code) ? error.code : undefined;
}

/** What an errno means, as a part of a sentence: `a part of the path does not exist`. */
export function errnoReason(error: unknown): string {
  const errno = errnoOf(error);
  if (errno === undefined) return 'unknown error';
  return (Object.hasOwn(known, errno) ? known[errno]?.reason : undefined) ?? `it answered ${errno}`;
}

/**
 * Explains that `what` was refused: "to make the folder /x". Without `what`, uses the call and its path. Undefined for
 * any other error.
 */
export function systemRefusal(error: unknown, what?: string): ProxyError | undefined {
  const errno = errnoOf(error);
  if (errno === undefined) return undefined;
  const advice =
    (Object.hasOwn(known, errno) ? known[errno]?.advice : undefined) ??
    'Look up what the name of the error means for this system.';
  const { syscall, path } = error as NodeJS.ErrnoException;
  const called = `to ${syscall ?? 'do this'}${path === undefined ? '' : ` ${path}`}`;
  return new ProxyError('SYSTEM_REFUSED', {
    params: { what: what ?? called, reason: errnoReason(error), errno, advice },
    cause: error,
  });
}
