/**
 * Accesses another program's settings file: reads it only if it is safe to edit, and writes it completely or not at
 * all.
 *
 * Refused are symbolic links (the file, and folders between the home folder and the file), hard links, files of other
 * users, files without write permission, folders that every user may write to, and files that are too large or not
 * text. A file that changed after it was read is not replaced.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  type Stats,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, relative, sep } from 'node:path';
import process from 'node:process';
import { t } from '../i18n/texts.ts';
import { EditFault } from './merge.ts';

const texts = t.connect.faults;

/** The state of the file when it was read. */
export interface SettingsFileState {
  readonly path: string;
  /** Undefined: there is no such file. */
  readonly bytes: Buffer | undefined;
  readonly mode: number;
}

const maxBytes = 1024 ** 2;
/** It may contain a key. */
const newFileMode = 0o600;

/** Throws EditFault. `home` is the user's home folder. */
export function readSettingsFile(path: string, home: string): SettingsFileState {
  checkFolders(path, home);
  const facts = systemCall(() => lstatSync(path, { throwIfNoEntry: false }));
  if (facts === undefined) return { path, bytes: undefined, mode: newFileMode };
  const fault = faultOf(facts);
  if (fault !== undefined) throw new EditFault(fault);
  const file = systemCall(() => openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0)));
  try {
    const opened = fstatSync(file);
    if (opened.ino !== facts.ino || opened.dev !== facts.dev) throw new EditFault(texts.changedMeanwhile);
    return { path, bytes: systemCall(() => readFileSync(file)), mode: opened.mode & 0o777 };
  } finally {
    closeSync(file);
  }
}

/** Throws EditFault. */
export function textOf({ bytes }: SettingsFileState): string {
  if (bytes === undefined) return '';
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new EditFault(texts.notUtf8);
  }
}

/** Replaces the file that was read by these bytes, and keeps its mode. Throws EditFault; then nothing has changed. */
export function replaceSettingsFile(state: SettingsFileState, bytes: Buffer, home: string): void {
  const { path, mode } = state;
  const folder = dirname(path);
  systemCall(() => makeFolders(folder));
  const fresh = join(folder, `.${basename(path)}.${randomBytes(6).toString('hex')}.flm`);
  systemCall(() => writeNew(fresh, bytes, mode));
  try {
    requireUnchanged(state, home);
    // The link is created only if there is no file, so that a file created meanwhile is not lost.
    if (state.bytes === undefined) systemCall(() => linkSync(fresh, path));
    else systemCall(() => renameSync(fresh, path));
  } finally {
    try {
      unlinkSync(fresh);
    } catch {
      // The file was already renamed.
    }
  }
  syncFolder(folder);
}

/** Makes a folder and its missing parents. Node's own `recursive` reports ENOENT for a read-only disk. */
export function makeFolders(folder: string): void {
  if (existsSync(folder) || dirname(folder) === folder) return;
  makeFolders(dirname(folder));
  mkdirSync(folder, 0o700);
}

/** Throws EditFault if the file changed since it was read. */
export function removeSettingsFile(state: SettingsFileState, home: string): void {
  requireUnchanged(state, home);
  systemCall(() => unlinkSync(state.path));
  syncFolder(dirname(state.path));
}

function requireUnchanged({ path, bytes, mode }: SettingsFileState, home: string): void {
  const now = readSettingsFile(path, home);
  const same = bytes === undefined ? now.bytes === undefined : now.bytes?.equals(bytes) === true;
  if (!same || (bytes !== undefined && now.mode !== mode)) throw new EditFault(texts.changedMeanwhile);
}

function writeNew(path: string, bytes: Buffer, mode: number): void {
  const file = openSync(path, 'wx', newFileMode);
  try {
    writeFileSync(file, bytes);
    fchmodSync(file, mode);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Makes the new name survive a power failure. Windows cannot open folders. */
function syncFolder(folder: string): void {
  if (process.platform === 'win32') return;
  const opened = openSync(folder, 'r');
  try {
    fsyncSync(opened);
  } catch {
    // Some file systems do not support this, but the file exists.
  } finally {
    closeSync(opened);
  }
}

function faultOf(facts: Stats): string | undefined {
  if (facts.isSymbolicLink()) return texts.symbolicLink;
  if (!facts.isFile()) return texts.noFile;
  if (!isOurs(facts)) return texts.otherUser;
  if (facts.nlink > 1) return texts.hardLinks;
  if ((facts.mode & 0o200) === 0) return texts.readOnly;
  if (facts.size > maxBytes) return texts.tooLarge(maxBytes);
  return undefined;
}

const isOurs = ({ uid }: Stats): boolean => process.geteuid === undefined || uid === process.geteuid();

/** Checks the existing folders: no links below home, and no other user can replace the file. */
function checkFolders(path: string, home: string): void {
  const below = relative(home, dirname(path));
  const inHome = below !== '..' && !below.startsWith(`..${sep}`) && below !== '' && !below.startsWith(sep);
  let folder = home;
  for (const name of inHome ? below.split(sep) : []) {
    folder = join(folder, name);
    const facts = systemCall(() => lstatSync(folder, { throwIfNoEntry: false }));
    if (facts === undefined) return;
    if (facts.isSymbolicLink()) throw new EditFault(texts.folderIsLink(folder));
  }
  const facts = systemCall(() => statSync(dirname(path), { throwIfNoEntry: false }));
  if (facts === undefined || process.platform === 'win32') return;
  if (!facts.isDirectory()) throw new EditFault(texts.noFolder(dirname(path)));
  if (!isOurs(facts) && facts.uid !== 0) throw new EditFault(texts.folderOfOther);
  const forAll = (facts.mode & 0o002) !== 0 && (facts.mode & 0o1000) === 0;
  if (forAll) throw new EditFault(texts.folderForAll);
}

/** Throws EditFault with the reason of the system. */
export function systemCall<T>(call: () => T): T {
  try {
    return call();
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    const reasons: Readonly<Record<string, string>> = t.connect.systemFaults;
    throw new EditFault(reasons[code] ?? (cause instanceof Error ? cause.message : String(cause)), { cause });
  }
}
