/**
 * Copies the data folder of a user to the data folder of a system service, with the owner and modes that flm needs:
 * databases, certificates and backups. Control sockets and logs stay behind. Links are not followed: root must not copy
 * the target of a link in another user's folder.
 */
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { ServiceError } from '../core/errors.ts';
import { errnoReason } from '../core/system-error.ts';

const left: ReadonlySet<string> = new Set(['run', 'logs']);

export interface CopyOwner {
  readonly uid: number;
  readonly gid: number;
}

/** No proxy may run from `source`. Throws a `ServiceError` SERVICE_STEP_FAILED. */
export function copyData(source: string, target: string, owner: CopyOwner): void {
  const made: string[] = [];
  try {
    copyFolder({ source, target, skipped: left }, owner, made);
  } catch (cause) {
    // The next run would mistake a partial copy for a complete one.
    for (const path of made.reverse()) rmSync(path, { recursive: true, force: true });
    throw new ServiceError('SERVICE_STEP_FAILED', {
      params: { command: `the copy of ${source}`, reason: errnoReason(cause) },
      cause,
    });
  }
}

interface FolderCopy {
  readonly source: string;
  readonly target: string;
  readonly skipped: ReadonlySet<string>;
}

function copyFolder({ source, target, skipped }: FolderCopy, owner: CopyOwner, made: string[]): void {
  if (mkdirSync(target, { recursive: true, mode: 0o700 }) !== undefined) made.push(target);
  chownSync(target, owner.uid, owner.gid);
  chmodSync(target, 0o700);
  for (const name of readdirSync(source)) {
    if (skipped.has(name)) continue;
    const from = join(source, name);
    const to = join(target, name);
    const facts = lstatSync(from);
    if (facts.isDirectory()) copyFolder({ source: from, target: to, skipped: new Set() }, owner, made);
    else if (facts.isFile()) copyFile(from, to, owner, made);
  }
}

function copyFile(from: string, to: string, { uid, gid }: CopyOwner, made: string[]): void {
  const input = openSync(from, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const mode = fstatSync(input).mode & 0o700;
    // An existing file is never overwritten.
    const output = openSync(to, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
    made.push(to);
    try {
      writeFileSync(output, readFileSync(input));
      fchownSync(output, uid, gid);
      fchmodSync(output, mode);
    } finally {
      closeSync(output);
    }
  } finally {
    closeSync(input);
  }
}
