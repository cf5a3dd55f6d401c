/** Reads `/proc`. What is missing, or belongs to another user, is empty. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

export function readNames(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** The inode of the socket that a descriptor is; undefined for anything else. */
export function socketInode(pid: number | 'self', fd: number | string): string | undefined {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
  } catch {
    return undefined;
  }
}
