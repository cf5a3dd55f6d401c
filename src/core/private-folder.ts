/**
 * When a folder that holds secrets and sockets is this user's alone: the judgement, without a look at the disk.
 * The store and the process room both make such folders; neither changes one that exists, for it may be somebody's
 * home, named by mistake.
 */

/** What stat(2) says of a folder. */
export interface FolderFacts {
  readonly isFolder: boolean;
  readonly uid: number;
  readonly mode: number;
}

/** Why it cannot be trusted; undefined where it can. `uid` is this user's; undefined on Windows, which has no such owner. */
export function folderFault(facts: FolderFacts, uid: number | undefined): string | undefined {
  if (!facts.isFolder) return 'it is not a folder';
  if (uid === undefined) return undefined;
  if (facts.uid !== uid) return 'it belongs to another user';
  const mode = facts.mode & 0o777;
  return (mode & 0o077) === 0 ? undefined : `others may enter it (mode ${mode.toString(8)})`;
}

/**
 * Makes a folder and what is missing above it. `make` makes one and throws as mkdir(2) fails; what it throws is thrown,
 * but for a folder that is there. Node's own `recursive` never ends where a parent is there and takes no folder (/proc).
 */
export function makeWithParents(
  folder: string,
  make: (folder: string) => void,
  parentOf: (folder: string) => string,
): void {
  try {
    make(folder);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EEXIST') return;
    const parent = parentOf(folder);
    if (code !== 'ENOENT' || parent === folder) throw error;
    makeWithParents(parent, make, parentOf);
    make(folder);
  }
}
