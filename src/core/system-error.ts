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
    reason: 'this user does not have permission',
    advice: 'Give this user the permission, or run flm as the owner of the file or folder.',
  },
  EPERM: {
    reason: 'this user does not have permission',
    advice: 'Give this user the permission, or run flm as the owner of the file or folder.',
  },
  ENOSPC: {
    reason: 'the disk is full',
    advice: 'Free some space and try again. `df -h` shows which disk is full.',
  },
  EDQUOT: {
    reason: 'the disk quota of this user is used up',
    advice: 'Delete some files of this user and try again. `quota` shows the limit.',
  },
  EROFS: {
    reason: 'the file system is read-only',
    advice: 'Set FLM_HOME to a writable folder, or mount the file system for writing.',
  },
  EMFILE: {
    reason: 'this process has too many files and connections open',
    advice: 'Raise the limit: `ulimit -n 65536` in a shell, LimitNOFILE=65536 in a systemd unit.',
  },
  ENFILE: {
    reason: 'all programs of this machine together have too many files open',
    advice: 'End a program with many open files, or raise the limit: `sudo sysctl fs.file-max=1000000`.',
  },
  ENOMEM: {
    reason: 'there is not enough memory',
    advice: 'End another program, or give flm more memory.',
  },
  ENOENT: { reason: 'a part of the path does not exist', advice: 'Check the path.' },
  ENOTDIR: { reason: 'a part of the path is not a folder', advice: 'Check the path.' },
  ESPIPE: { reason: 'it is a pipe', advice: 'Name a plain file.' },
  ELOOP: {
    reason: 'the path contains too many symbolic links',
    advice: 'Check the symbolic links in the path.',
  },
  ENAMETOOLONG: { reason: 'the path is too long', advice: 'Choose a shorter path.' },
  EIO: {
    reason: 'the disk reports an error',
    advice: 'Check the disk. The system log (`dmesg`) has details.',
  },
  EADDRINUSE: {
    reason: 'another program uses the port',
    advice:
      'Choose another port with --port N (0 selects a free port), or stop the program that uses this port.',
  },
  EADDRNOTAVAIL: {
    reason: 'this machine does not have the address',
    advice: 'Give --bind an address of this machine, or leave it out.',
  },
};

const otherHome = 'Set FLM_HOME to another folder.';
const ownHome = 'Set FLM_HOME to a folder of this user, or give this user the permission.';

/** Advice for the data folder and what is in it, because the user can choose another one. */
export const dataFolderAdvice: Readonly<Record<string, string>> = {
  EACCES: ownHome,
  EPERM: ownHome,
  // Missing parents are made, so this parent accepts no folders.
  ENOENT: otherHome,
  ENOTDIR: otherHome,
};

/** Relative paths mean nothing in a folder that was deleted while a shell was in it. */
const deletedWorkingFolder = {
  what: 'to name the working folder',
  reason: 'the folder was deleted',
  advice: 'Change to a folder that exists and try again.',
};

/** The errno of an error of the system: `ENOSPC`. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return undefined;
  return typeof error.code === 'string' && /^E[A-Z0-9]+$/.test(error.code) ? error.code : undefined;
}

/** The code of an error of the system or of Node, such as ENOENT; `unknown error` for one without a code. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}

/** What an errno means, as a part of a sentence: `a part of the path does not exist`. */
export function errnoReason(error: unknown): string {
  const errno = errnoOf(error);
  if (errno === undefined) return 'unknown error';
  return (Object.hasOwn(known, errno) ? known[errno]?.reason : undefined) ?? `it answered ${errno}`;
}

/**
 * Explains that `what` was refused: "to make the folder /x". Without `what`, uses the call and its path. `advices`, by
 * errno, come before the usual ones. Undefined for any other error.
 */
export function systemRefusal(
  error: unknown,
  what?: string,
  advices: Readonly<Record<string, string>> = {},
): ProxyError | undefined {
  const errno = errnoOf(error);
  if (errno === undefined) return undefined;
  const { syscall, path } = error as NodeJS.ErrnoException;
  // Node's name of the call that process.cwd() makes.
  if (syscall === 'uv_cwd' && errno === 'ENOENT')
    return new ProxyError('SYSTEM_REFUSED', { params: { ...deletedWorkingFolder, errno }, cause: error });
  const advice =
    advices[errno] ??
    (Object.hasOwn(known, errno) ? known[errno]?.advice : undefined) ??
    'Look up what the name of the error means for this system.';
  const called = `to ${syscall ?? 'do this'}${path === undefined ? '' : ` ${path}`}`;
  return new ProxyError('SYSTEM_REFUSED', {
    params: { what: what ?? called, reason: errnoReason(error), errno, advice },
    cause: error,
  });
}
