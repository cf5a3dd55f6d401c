/**
 * Turns errors of SQLite and the file system into a `StoreError`. Busy, full, read-only, damaged and unusable are
 * distinguished by result code (sqlite.org/rescode.html), never by message. Constraint violations pass through, and the
 * repository explains them. Other errors pass through as bugs of flm.
 */
import { accessSync, closeSync, constants, openSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { FlmError, StoreError } from '../../core/errors.ts';
import { shellWord } from '../../core/shell-word.ts';
import { codeOf } from '../../core/system-error.ts';
import { RowFault } from '../rows.ts';

export interface DatabasePlace {
  readonly file: string;
  /** The folder of the backups. */
  readonly backups: string;
}

const result = {
  busy: 5,
  locked: 6,
  readOnly: 8,
  ioError: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  protocol: 15,
  constraint: 19,
  notADatabase: 26,
} as const;

const tooManyFiles = 'this program has too many files open; raise the limit with `ulimit -n 65536`';

/** The most common errors of the file system, as text for users. */
const inWords: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'it is gone'],
  ['EACCES', 'this user may not open it'],
  ['EPERM', 'this user may not open it'],
  ['EROFS', 'its file system is read-only'],
  ['EMFILE', tooManyFiles],
]);

/** With less free space the disk counts as full: the shared-memory file grows by 32 KiB at a time. */
const fullBelowBytes = 128 * 1024;

export function storeFailure(error: unknown, place: DatabasePlace): unknown {
  if (error instanceof FlmError || !(error instanceof Error)) return error;
  const failure = (
    code: 'STORE_BUSY' | 'STORE_FULL' | 'STORE_READ_ONLY' | 'STORE_CORRUPT' | 'STORE_UNUSABLE',
    reason: string,
  ): StoreError =>
    new StoreError(code, {
      params: { file: place.file, path: shellWord(place.file), backups: place.backups, reason },
      cause: error,
    });
  if (error instanceof RowFault) return failure('STORE_CORRUPT', error.message);
  const code = resultCode(error);
  if (code === undefined) {
    const errno = 'code' in error ? error.code : undefined;
    if (errno === 'ENOSPC' || errno === 'EDQUOT') return failure('STORE_FULL', errno);
    if (typeof errno !== 'string' || !/^E[A-Z0-9]+$/.test(errno)) return error;
    if (errno === 'EROFS') return failure('STORE_READ_ONLY', inWords.get(errno) ?? errno);
    return failure('STORE_UNUSABLE', inWords.get(errno) ?? errno);
  }
  const reason = 'errstr' in error && typeof error.errstr === 'string' ? error.errstr : error.message;
  switch (code) {
    case result.busy:
    case result.locked:
    case result.protocol:
      return failure('STORE_BUSY', reason);
    case result.full:
      return failure('STORE_FULL', reason);
    case result.corrupt:
    case result.notADatabase:
      return failure('STORE_CORRUPT', reason);
    case result.constraint:
      return error;
    case result.readOnly:
    case result.cannotOpen: {
      const denied = writeDenied(place.file);
      if (denied !== undefined) return failure('STORE_READ_ONLY', denied);
      return failure('STORE_UNUSABLE', lacksDescriptors(place.file) ? tooManyFiles : reason);
    }
    case result.ioError: {
      const denied = writeDenied(place.file);
      if (denied !== undefined) return failure('STORE_READ_ONLY', denied);
      // A full disk appears as an I/O error if the shared-memory file could not grow.
      return isFull(place.file) ? failure('STORE_FULL', reason) : failure('STORE_UNUSABLE', reason);
    }
    default:
      return failure('STORE_UNUSABLE', reason);
  }
}

/** How many files SQLite opens for a database: itself, -wal, -shm, and its folder while it makes one of them. */
const filesOfDatabase = 4;

/** SQLite does not say that no more files may be opened. Opens only the folder: closing a database drops its locks. */
function lacksDescriptors(file: string): boolean {
  const opened: number[] = [];
  try {
    while (opened.length < filesOfDatabase) opened.push(openSync(dirname(file), 'r'));
    return false;
  } catch (error) {
    return codeOf(error) === 'EMFILE';
  } finally {
    for (const descriptor of opened) closeSync(descriptor);
  }
}

/** Returns why the file or its folder, where SQLite creates other files, cannot be written; undefined if both can. */
export function writeDenied(file: string): string | undefined {
  for (const path of [dirname(file), file]) {
    try {
      accessSync(path, constants.W_OK);
    } catch (error) {
      const errno = error instanceof Error && 'code' in error ? error.code : undefined;
      if (errno === 'EROFS') return 'its file system is read-only';
      if (errno === 'EACCES' || errno === 'EPERM') return 'this user may not write it';
    }
  }
  return undefined;
}

/** True for a primary key or a unique column that exists already. */
export function isDuplicate(error: unknown): boolean {
  const code = error instanceof Error && 'errcode' in error ? error.errcode : undefined;
  return code === 1555 || code === 2067;
}

/** Returns the primary result code, which is the low byte of SQLite's extended codes. */
function resultCode(error: Error): number | undefined {
  return 'errcode' in error && typeof error.errcode === 'number' ? error.errcode & 0xff : undefined;
}

function isFull(file: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(dirname(file));
    return bavail * bsize < fullBelowBytes;
  } catch {
    return false;
  }
}
