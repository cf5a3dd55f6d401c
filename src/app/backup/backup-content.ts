/**
 * Collects the content of a backup in a folder: both databases as SQLite files, whichever database is in use, and
 * certificates with their keys. Secrets of engines are in `flm.db` as SQLite stores them, so a backup needs no store key,
 * and is as secret as the data folder.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { headText } from '../../core/audit/audit-chain.ts';
import { privateFolder } from '../../files/private-folder.ts';
import { livenessBySocket } from '../../process/detached-controller.ts';
import { openStore, type SqliteStore } from '../../store/sqlite/open-store.ts';
import { settleFiles, snapshotFiles } from '../../store/sqlite/snapshot-files.ts';
import type { ContentCounts } from '../../store/store-copy.ts';
import type { Machine } from '../machine.ts';
import type { PostgresTools } from '../postgres-tools.ts';

/** Certificates that machines share, in the store of files. */
export const sharedPrefix = 'certificate/';

/** Locks have no content, and hidden files are being written. */
const isKept = (name: string): boolean => /^[A-Za-z0-9_-][\w.-]*$/.test(name) && !name.endsWith('.lock');

export interface GatheredContent {
  readonly counts: ContentCounts;
  readonly schema: Readonly<Record<string, number>>;
  readonly auditHeads: string[];
  /** The members, in their order. */
  readonly names: readonly string[];
}

/** Throws a `StoreError`. */
export async function gatherContent(
  machine: Machine,
  folder: string,
  signal: AbortSignal,
): Promise<GatheredContent> {
  const { home, tls } = machine.paths;
  const shared: string[] = [];
  if (machine.stores().database === undefined) {
    // Opening creates and migrates the files.
    const live = openAt(home, machine);
    try {
      await live.copied.counts();
    } finally {
      live.close();
    }
    await snapshotFiles({ home, target: folder, signal });
  } else shared.push(...(await gatherPostgres(machine, folder)));
  const facts = await factsIn(folder, machine);
  settleFiles(folder);
  const names = ['flm.db', 'usage.db', ...copyFolder(tls, join(folder, 'tls'), 'tls'), ...shared];
  return { ...facts, names };
}

async function factsIn(folder: string, machine: Machine): Promise<Omit<GatheredContent, 'names'>> {
  const copy = openAt(folder, machine);
  try {
    const auditHeads = (await copy.audit.heads()).map(headText);
    return { counts: await copy.copied.counts(), schema: copy.schemaVersions(), auditHeads };
  } finally {
    copy.close();
  }
}

/** Opens the databases of a folder, and migrates them if needed. */
export function openAt(home: string, { clock }: Machine): SqliteStore {
  return openStore({ home, clock, liveness: livenessBySocket(clock) });
}

/** Returns the names of the members. */
function copyFolder(source: string, target: string, prefix: string): readonly string[] {
  const names = namesIn(source).filter(isKept).sort();
  if (names.length > 0) privateFolder(target);
  for (const name of names)
    writeFileSync(join(target, name), readFileSync(join(source, name)), { mode: 0o600, flag: 'wx' });
  return names.map((name) => `${prefix}/${name}`);
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
      entry.isFile() ? [entry.name] : [],
    );
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

/** FLM_DATABASE_URL is set. */
export async function openPostgres(machine: Machine): Promise<PostgresTools> {
  const { database, storeKeyFile, nodeName } = machine.stores();
  assert(database !== undefined);
  const { postgresTools } = await import('../postgres-tools.ts');
  return postgresTools(database, storeKeyFile, `backup of ${nodeName}`);
}

/** Reads everything in one snapshot of the server. Returns the names of shared certificates. */
async function gatherPostgres(machine: Machine, folder: string): Promise<readonly string[]> {
  const tools = await openPostgres(machine);
  try {
    const content = await tools.store().read();
    const files = await tools.files().list(sharedPrefix);
    const copy = openAt(folder, machine);
    try {
      await copy.copied.replace(content);
    } finally {
      copy.close();
    }
    const kept = files
      .map(({ path, bytes }) => ({ name: path.slice(sharedPrefix.length), bytes }))
      .filter(({ name }) => isKept(name));
    if (kept.length > 0) privateFolder(join(folder, 'shared'));
    for (const { name, bytes } of kept)
      writeFileSync(join(folder, 'shared', name), bytes, { mode: 0o600, flag: 'wx' });
    return kept.map(({ name }) => `shared/${name}`);
  } finally {
    await tools.close();
  }
}
