/**
 * Replaces the file of a single executable. At every moment the path holds the old program or the new one, complete:
 *
 *   copy beside      .flm-upgrade-PID in the same folder, hashed as written, flushed to disk
 *   approve          the caller verifies the copy, which no other user can change
 *   keep             PATH.previous is another name of the old file
 *   rename           the copy replaces the old file
 *   undo or finish   the old file is restored, or its second name is removed
 */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  closeSync,
  fsyncSync,
  linkSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileRefusal } from './release-file.ts';

const copyName = '.flm-upgrade-';

/** A file of this name in the folder of an executable is removed by a later upgrade if this process is killed. */
export function temporaryName(): string {
  return `${copyName}${process.pid}`;
}

/** A copy of a new program beside the old one. */
export interface CandidateFile {
  readonly path: string;
  /** SHA-256 of the copied bytes. */
  readonly hash: string;
  discard(): void;
}

export interface ReplacedFile {
  /** The old program, until `finish` or `undo`. */
  readonly previous: string;
  undo(): void;
  finish(): void;
}

/**
 * Copies `file` beside `target`, readable only by the owner. Throws an error with text for the user; the copy is then
 * removed.
 */
export function copyBeside(file: string, target: string): CandidateFile {
  const folder = dirname(target);
  removeAbandoned(folder);
  const path = join(folder, temporaryName());
  try {
    const hash = copyBytes(file, path);
    return { path, hash, discard: () => rmSync(path, { force: true }) };
  } catch (error) {
    rmSync(path, { force: true });
    throw fileRefusal(error, `to copy ${file} into ${folder}`);
  }
}

/** Replaces the old program by the copy. Throws an error with text for the user; the old program is then unchanged. */
export function replace(candidate: CandidateFile, target: string): ReplacedFile {
  const previous = join(dirname(target), `${basename(target)}.previous`);
  try {
    const { mode, uid, gid } = statSync(target);
    // Only root may change the owner of a file. For other users the file already has the right owner.
    if (process.getuid?.() === 0) chownSync(candidate.path, uid, gid);
    chmodSync(candidate.path, mode & 0o777);
    rmSync(previous, { force: true });
    linkSync(target, previous);
    renameSync(candidate.path, target);
    flushFolder(dirname(target));
  } catch (error) {
    candidate.discard();
    rmSync(previous, { force: true });
    throw fileRefusal(error, `to replace ${target}`);
  }
  return {
    previous,
    undo: () => renameSync(previous, target),
    finish: () => rmSync(previous, { force: true }),
  };
}

function copyBytes(from: string, to: string): string {
  const hash = createHash('sha256');
  const source = openSync(from, 'r');
  try {
    // `wx`: never follows a link that another user created.
    const copy = openSync(to, 'wx', 0o700);
    try {
      const bytes = Buffer.allocUnsafe(1024 ** 2);
      for (;;) {
        const count = readSync(source, bytes);
        if (count === 0) break;
        hash.update(bytes.subarray(0, count));
        for (let written = 0; written < count; ) written += writeSync(copy, bytes, written, count - written);
      }
      fsyncSync(copy);
    } finally {
      closeSync(copy);
    }
  } finally {
    closeSync(source);
  }
  return hash.digest('hex');
}

function flushFolder(folder: string): void {
  const opened = openSync(folder, 'r');
  try {
    fsyncSync(opened);
  } finally {
    closeSync(opened);
  }
}

/** Removes temporary files of killed upgrades. */
function removeAbandoned(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (!name.startsWith(copyName)) continue;
    const pid = Number.parseInt(name.slice(copyName.length), 10);
    if (Number.isNaN(pid)) continue;
    try {
      process.kill(pid, 0);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ESRCH')
        rmSync(join(folder, name), { force: true });
    }
  }
}
