/**
 * Keeps in a file what a proxy could not write during an outage of its database. A proxy that ends during the outage
 * therefore loses neither usage nor revocations: any proxy of the same data folder writes them later.
 *
 * A file belongs to one process, which replaces it as a whole. Others take it when that process has ended. Batches keep
 * their numbers, so a batch that was stored before its answer was lost counts once.
 */
import { randomUUID } from 'node:crypto';
import { open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { AuditEntry, LastUse } from '../core/security/ports.ts';
import { privateFolder } from '../files/private-folder.ts';
import type { UsageBatch } from './usage-batches.ts';

/** The process that writes a file. */
export interface JournalOwner {
  readonly host: string;
  readonly pid: number;
  readonly processStart: string;
}

export interface JournalOptions {
  readonly folder: string;
  readonly owner: JournalOwner;
  /** Whether that process of this host has ended. */
  readonly isGone: (owner: JournalOwner) => boolean;
  readonly nowMs: () => number;
}

export interface Unwritten {
  /** In the order of their numbers. */
  readonly batches: readonly UsageBatch[];
  /** The subject of each is the key's id. */
  readonly revocations: readonly AuditEntry[];
}

/** A file of a process that has ended. */
export interface Leftover extends Unwritten {
  readonly remove: () => Promise<void>;
}

/** A living process replaces its file more often. */
const silentMs = 60_000;

const audit = z.object({
  atMs: z.number(),
  actor: z.string(),
  action: z.string(),
  subject: z.string(),
  before: z.string().optional(),
  after: z.string().optional(),
});
const count = z.number().int().min(0);
const name = z.string();
const usage = {
  keyId: name,
  familyId: name,
  model: name,
  requests: count,
  inputTokens: count,
  outputTokens: count,
  estimatedRequests: count,
};
const document = z.object({
  host: z.string(),
  pid: z.number(),
  processStart: z.string(),
  /** The process has closed its store. */
  ended: z.boolean(),
  revocations: z.array(audit),
  batches: z.array(
    z.object({
      writer: z.string(),
      sequence: count,
      rows: z.array(z.object({ day: name, ...usage })),
      hours: z.array(
        z.object({
          hour: count,
          ...usage,
          engine: name,
          ending: name,
          answered: z.boolean(),
          durationMs: count,
          cachedTokens: count,
          cachePromptTokens: count,
          firstByte: z.array(count),
        }),
      ),
      uses: z.array(z.tuple([name, z.object({ atMs: z.number(), address: name })])),
      audit: z.array(audit),
    }),
  ),
});

export class OutageJournal {
  readonly #options: JournalOptions;
  readonly #name = `${randomUUID()}.json`;
  /** One write after another. */
  #work: Promise<void> = Promise.resolve();
  #exists = false;

  constructor(options: JournalOptions) {
    this.#options = options;
  }

  /** True if a file of this process exists. */
  get exists(): boolean {
    return this.#exists;
  }

  /** Replaces the file of this process. Reads the contents before it returns. Rejects if the disk fails. */
  save({ batches, revocations }: Unwritten, ended: boolean): Promise<void> {
    const { owner } = this.#options;
    const text = JSON.stringify({
      ...owner,
      ended,
      revocations,
      batches: batches.map((batch) => ({ ...batch, uses: [...batch.uses] })),
    });
    this.#exists = true;
    return this.#next(() => this.#replace(text));
  }

  /** Removes the file of this process. */
  async clear(): Promise<void> {
    if (!this.#exists) return;
    this.#exists = false;
    await this.#next(() => rm(this.#path(this.#name), { force: true }));
  }

  /** Returns the files of processes that have ended. A file that cannot be read is left as it is. */
  async leftovers(): Promise<readonly Leftover[]> {
    const names = await readdir(this.#options.folder).catch(() => []);
    const found: Leftover[] = [];
    for (const each of names) {
      if (!each.endsWith('.json') || each === this.#name) continue;
      const leftover = await this.#leftover(each).catch(() => undefined);
      if (leftover !== undefined) found.push(leftover);
    }
    return found;
  }

  async #leftover(file: string): Promise<Leftover | undefined> {
    const { owner, isGone, nowMs } = this.#options;
    const path = this.#path(file);
    const { ended, revocations, batches, ...other } = document.parse(
      JSON.parse(await readFile(path, 'utf8')),
    );
    const isOver =
      ended || (other.host === owner.host ? isGone(other) : nowMs() - (await stat(path)).mtimeMs > silentMs);
    if (!isOver) return undefined;
    return {
      revocations: revocations.map(entryOf),
      batches: batches.map((batch) => ({
        ...batch,
        uses: new Map<string, LastUse>(batch.uses),
        audit: batch.audit.map(entryOf),
      })),
      remove: () => rm(path, { force: true }),
    };
  }

  async #replace(text: string): Promise<void> {
    privateFolder(this.#options.folder);
    const fresh = this.#path(`${this.#name}.new`);
    const file = await open(fresh, 'w', 0o600);
    try {
      await file.writeFile(text);
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(fresh, this.#path(this.#name));
  }

  #next(work: () => Promise<void>): Promise<void> {
    const next = this.#work.then(work);
    this.#work = next.catch(() => {});
    return next;
  }

  #path(file: string): string {
    return join(this.#options.folder, file);
  }
}

/** Without the absent parts. */
function entryOf({ before, after, ...entry }: z.infer<typeof audit>): AuditEntry {
  return {
    ...entry,
    ...(before === undefined ? {} : { before }),
    ...(after === undefined ? {} : { after }),
  };
}
