/**
 * When a folder that holds secrets and sockets is this user's alone: the judgement, on a disk that is handed in.
 * The store and the process room both make such folders; neither changes one that exists, for it may be somebody's
 * home, named by mistake.
 */

/** What stat(2) says of a folder. */
export interface FolderFacts {
  isDirectory(): boolean;
  readonly uid: number;
  readonly mode: number;
}

/** Why it cannot be trusted; undefined where it can. `uid` is this user's; undefined on Windows, which has no such owner. */
export function folderFault(facts: FolderFacts, uid: number | undefined): string | undefined {
  if (!facts.isDirectory()) return 'it is not a folder';
  if (uid === undefined) return undefined;
  if (facts.uid !== uid) return 'it belongs to another user';
  const mode = facts.mode & 0o777;
  return (mode & 0o077) === 0 ? undefined : `others may enter it (mode ${mode.toString(8)})`;
}

/** The disk, as a room that may touch it hands it in. */
export interface FolderTools {
  /** Makes one folder; throws as mkdir(2) fails. */
  readonly make: (folder: string) => void;
  /** stat(2), or lstat(2) where a link is not to be followed. */
  readonly look: (folder: string) => FolderFacts;
  readonly parentOf: (folder: string) => string;
  /** This user's; undefined on Windows. */
  readonly uid: number | undefined;
}

/** Makes a folder where there is none, with what is missing above it. Throws what `unsafe` makes of a reason. */
export function makePrivateFolder(
  folder: string,
  tools: FolderTools,
  unsafe: (reason: string, cause?: unknown) => Error,
): void {
  let facts: FolderFacts;
  try {
    makeWithParents(folder, tools);
    facts = tools.look(folder);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error';
    throw unsafe(`it cannot be made (${code})`, cause);
  }
  const fault = folderFault(facts, tools.uid);
  if (fault !== undefined) throw unsafe(fault);
}

/** A folder that is there is no failure. Node's own `recursive` never ends where a parent is there and takes no folder (/proc). */
function makeWithParents(folder: string, tools: FolderTools): void {
  const { make, parentOf } = tools;
  try {
    make(folder);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EEXIST') return;
    const parent = parentOf(folder);
    if (code !== 'ENOENT' || parent === folder) throw error;
    makeWithParents(parent, tools);
    make(folder);
  }
}
