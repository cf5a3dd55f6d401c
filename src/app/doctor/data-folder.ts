/** Checks the data folder: free space, and files that another user owns or may read. */
import { lstat, readdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { type Finding, firstNames } from '../../core/doctor/report.ts';
import { shellWord } from '../../core/shell-word.ts';

const megabyte = 1_000_000;
/** SQLite and the log need some; below the lower limit writes fail soon. */
const fullBelow = 100 * megabyte;
const lowBelow = 1_000 * megabyte;
/** More files than this are logs. */
const maxFiles = 2_000;

/** Returns the finding about the free space; undefined if there is enough. */
export function spaceFinding(home: string, freeBytes: number): Finding | undefined {
  if (freeBytes >= lowBelow) return undefined;
  const free = `${Math.floor(freeBytes / megabyte)} MB`;
  const common = { check: 'data', subject: null, command: `df -h ${shellWord(home)}` } as const;
  return freeBytes < fullBelow
    ? {
        ...common,
        code: 'DISK_FULL',
        severity: 'error',
        message: `The disk of the data folder ${home} has ${free} left, so flm will soon be unable to save keys and usage; free some space.`,
      }
    : {
        ...common,
        code: 'DISK_LOW',
        severity: 'warning',
        message: `The disk of the data folder ${home} has ${free} left; free some space.`,
      };
}

export async function dataFolderFindings(home: string): Promise<readonly Finding[]> {
  const { bavail, bsize } = await statfs(home);
  const space = spaceFinding(home, bavail * bsize);
  return [...(space === undefined ? [] : [space]), ...(await fileFindings(home))];
}

/** Windows has no owner and no mode to check. */
async function fileFindings(home: string): Promise<readonly Finding[]> {
  const uid = process.geteuid?.();
  if (uid === undefined) return [];
  const foreign: string[] = [];
  const open: string[] = [];
  const names = await namesIn(home, '');
  for (const name of names.slice(0, maxFiles)) {
    // A socket or a file of SQLite may be gone by now.
    const facts = await lstat(join(home, name)).catch(() => undefined);
    if (facts === undefined) continue;
    if (facts.uid !== uid) foreign.push(name);
    // Others cannot enter the folder, but a copy or a backup keeps the mode.
    else if (facts.isFile() && (facts.mode & 0o077) !== 0 && isSecret(name)) open.push(name);
  }
  const folder = shellWord(home);
  return [
    ...listed(foreign, (files) => ({
      code: 'DATA_FILE_FOREIGN',
      severity: 'error',
      message: `Files in the data folder ${home} belong to another user: ${files}; flm cannot change them.`,
      command: `sudo chown -R ${uid} ${folder}`,
    })),
    ...listed(open, (files) => ({
      code: 'DATA_FILE_OPEN',
      severity: 'warning',
      message: `Other users may read files with secrets in the data folder ${home}: ${files}.`,
      command: `chmod -R go= ${folder}`,
    })),
  ];
}

/** A folder that cannot be read is listed itself, so its owner is looked at. */
async function namesIn(home: string, folder: string): Promise<readonly string[]> {
  const entries = await readdir(join(home, folder), { withFileTypes: true }).catch(() => []);
  const names = await Promise.all(
    entries.map(async (entry) => {
      const name = join(folder, entry.name);
      return entry.isDirectory() ? [name, ...(await namesIn(home, name))] : [name];
    }),
  );
  return names.flat();
}

const isSecret = (name: string): boolean => /\.(?:db(?:-wal|-shm)?|key|pem)$/.test(name);

function listed(
  files: readonly string[],
  finding: (files: string) => Omit<Finding, 'check' | 'subject'>,
): readonly Finding[] {
  if (files.length === 0) return [];
  return [{ ...finding(firstNames(files)), check: 'data', subject: null }];
}
