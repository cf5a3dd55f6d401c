/**
 * Backups of clients' files before flm edited them, in the data folder: `connect/CLIENT/NUMBER/` contains a copy of the
 * file and `record.json`. `--undo` restores the newest backup and removes it, so the previous one becomes the newest.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { makeFolders } from './settings-file.ts';

const record = z.object({
  path: z.string(),
  /** Undefined: flm created the file. */
  copy: z.string().optional(),
  /** SHA-256 of the content that flm wrote. */
  written: z.string(),
});

export interface Backup extends z.infer<typeof record> {
  /** The folder of this backup. */
  readonly folder: string;
}

/** Limit for the number of backups. */
const maxKept = 10;

export class Backups {
  readonly #folder: string;

  constructor(home: string, client: string) {
    this.#folder = join(home, 'connect', client);
  }

  /** Saves a backup. `before` is undefined if there was no file. */
  keep(path: string, before: Buffer | undefined, written: Buffer): Backup {
    const numbers = this.#numbers();
    for (const old of numbers.slice(0, Math.max(0, numbers.length - maxKept + 1)))
      rmSync(join(this.#folder, old), { recursive: true });
    makeFolders(this.#folder);
    const folder = this.#nextFolder(Number(numbers.at(-1) ?? 0) + 1);
    const copy = before === undefined ? undefined : join(folder, basename(path));
    if (copy !== undefined) writeFileSync(copy, before as Buffer, { mode: 0o600, flag: 'wx' });
    const kept = { path, ...(copy === undefined ? {} : { copy }), written: sha256(written) };
    writeFileSync(join(folder, 'record.json'), JSON.stringify(kept), { mode: 0o600, flag: 'wx' });
    return { ...kept, folder };
  }

  /** The newest backup; with `path`, the newest of that file. */
  newest(path?: string): Backup | undefined {
    for (const number of this.#numbers().toReversed()) {
      const folder = join(this.#folder, number);
      const kept = readRecord(folder);
      if (kept !== undefined && (path === undefined || kept.path === path)) return { ...kept, folder };
    }
    return undefined;
  }

  /** Another flm process may create a backup at the same time. */
  #nextFolder(number: number): string {
    for (let next = number; ; next++) {
      const folder = join(this.#folder, String(next).padStart(4, '0'));
      try {
        mkdirSync(folder, { mode: 0o700 });
        return folder;
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
      }
    }
  }

  #numbers(): readonly string[] {
    try {
      return readdirSync(this.#folder)
        .filter((name) => /^\d{4,}$/.test(name))
        .sort((a, b) => Number(a) - Number(b));
    } catch {
      return [];
    }
  }
}

export function dropBackup({ folder }: Backup): void {
  rmSync(folder, { recursive: true, force: true });
}

export const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** Undefined if a crash left an incomplete backup. */
function readRecord(folder: string): z.infer<typeof record> | undefined {
  try {
    return record.parse(JSON.parse(readFileSync(join(folder, 'record.json'), 'utf8')));
  } catch {
    return undefined;
  }
}
