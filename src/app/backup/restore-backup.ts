/**
 * `flm backup restore`: replaces the data by that of a backup, and keeps the old data in a folder. What a restore must
 * not undo stays: revocations, deletions and the audit (`mergeRestored`). Until the backup is unpacked, migrated, checked
 * and merged, nothing changes; then everything changes at once.
 */
import { cpSync, existsSync, readdirSync, readFileSync, renameSync, rmdirSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import type { AgeKeys } from '../../archive/age.ts';
import { type BackupManifest, fileStamp } from '../../core/backup/backup-manifest.ts';
import { BackupError, StoreError } from '../../core/errors.ts';
import { privateFolder } from '../../files/private-folder.ts';
import { replaceFiles } from '../../files/replace-files.ts';
import { liveHandles } from '../../process/live-handles.ts';
import { type MergeReport, mergeRestored } from '../../store/sqlite/merge-restored.ts';
import type { SqliteStore } from '../../store/sqlite/open-store.ts';
import { settleFiles } from '../../store/sqlite/snapshot-files.ts';
import type { ContentCounts } from '../../store/store-copy.ts';
import type { Machine } from '../machine.ts';
import type { PostgresTools } from '../postgres-tools.ts';
import { openAt, openPostgres, sharedPrefix } from './backup-content.ts';
import { openBackup } from './opened-backup.ts';
import { makeStaging, randomId } from './staging.ts';

export interface RestoreOptions {
  readonly machine: Machine;
  readonly file: string;
  readonly keys: AgeKeys;
  /** Keys become as they are in the backup, revoked and deleted ones too. */
  readonly reviveKeys: boolean;
  readonly signal: AbortSignal;
}

export interface RestoredBackup extends MergeReport {
  readonly file: string;
  readonly createdAt: string;
  readonly host: string;
  readonly flm: string;
  /** The rows that are in the database now. */
  readonly counts: ContentCounts;
  /** The folder with the old data; null if there was none. */
  readonly kept: string | null;
}

const nothingMerged: MergeReport = {
  stayedRevoked: 0,
  stayedDeleted: 0,
  stayedEnded: 0,
  lostKeys: 0,
  keptAudit: 0,
};

/** What a killed process or a damaged database leaves beside it. */
const logNames = ['flm.db-wal', 'flm.db-shm', 'usage.db-wal', 'usage.db-shm'];

/** Throws a `BackupError` or a `StoreError`; then nothing was changed. */
export async function restoreBackup(options: RestoreOptions): Promise<RestoredBackup> {
  const { machine, signal } = options;
  const usesPostgres = machine.stores().database !== undefined;
  await refuseLocal(machine);
  const tools = usesPostgres ? await openPostgres(machine) : undefined;
  try {
    if (tools !== undefined) await refuseNodes(tools);
    using opened = await openBackup(options);
    const { folder, manifest } = opened;
    const kept = keptName(machine);
    const restored = tools === undefined ? restoreSqlite : restorePostgres(tools);
    signal.throwIfAborted();
    const report = await restored(options, folder, manifest, kept);
    const { createdAt, host, flm } = manifest;
    return { file: options.file, createdAt, host, flm, ...report, kept: keptFolder(machine, kept) };
  } finally {
    await tools?.close();
  }
}

type Restored = MergeReport & { readonly counts: ContentCounts };

async function restoreSqlite(
  { machine, file, reviveKeys }: RestoreOptions,
  folder: string,
  manifest: BackupManifest,
  kept: string,
): Promise<Restored> {
  const { home } = machine.paths;
  const merged = existsSync(join(home, 'flm.db'))
    ? await mergeCurrent(machine, folder, reviveKeys)
    : nothingMerged;
  const counts = await complete(machine, folder, { file, manifest, reviveKeys, merged });
  // Certificates that machines shared belong to this machine now.
  const shared = join(folder, 'shared');
  if (existsSync(shared)) cpSync(shared, join(folder, 'tls'), { recursive: true, force: false });
  const hasTls = existsSync(join(folder, 'tls'));
  await refuseLocal(machine);
  replaceFiles(home, {
    staged: relative(home, folder),
    kept,
    replaced: ['usage.db', ...(hasTls ? ['tls'] : []), 'flm.db'],
    removed: logNames,
  });
  return { ...merged, counts };
}

/** Opens the current databases, which migrates them, and leaves no write-ahead log. */
async function mergeCurrent(machine: Machine, folder: string, reviveKeys: boolean): Promise<MergeReport> {
  const { home } = machine.paths;
  try {
    const current = openAt(home, machine);
    let usage: boolean;
    try {
      current.schemaVersion();
      usage = await hasReadableUsage(current);
    } finally {
      current.close();
    }
    return mergeRestored({ staged: folder, current: home, usage, deletedKeys: [], reviveKeys });
  } catch (error) {
    if (!(error instanceof StoreError) || error.code === 'STORE_BUSY') throw error;
    if (reviveKeys) return nothingMerged;
    const reason = error.message.replace(/\.$/, '');
    throw new BackupError('RESTORE_UNSURE', { params: { reason }, cause: error });
  }
}

/** Nothing in a damaged `usage.db` must survive the restore. */
async function hasReadableUsage(store: SqliteStore): Promise<boolean> {
  try {
    await store.usage.retention();
    return true;
  } catch (error) {
    if (!(error instanceof StoreError) || error.code === 'STORE_BUSY') throw error;
    return false;
  }
}

function restorePostgres(tools: PostgresTools) {
  return async (
    { machine, file, reviveKeys }: RestoreOptions,
    folder: string,
    manifest: BackupManifest,
    kept: string,
  ): Promise<Restored> => {
    const { home } = machine.paths;
    await tools.migrate();
    using staging = makeStaging(home, randomId(machine.secrets), machine.clock.nowMs());
    const store = tools.store();
    const copy = openAt(staging.folder, machine);
    try {
      await copy.copied.replace(await store.read());
    } finally {
      copy.close();
    }
    settleFiles(staging.folder);
    const deletedKeys = await tools.deletedKeys();
    const current = staging.folder;
    const merged = mergeRestored({ staged: folder, current, usage: true, deletedKeys, reviveKeys });
    const counts = await complete(machine, folder, { file, manifest, reviveKeys, merged });
    const restored = openAt(folder, machine);
    try {
      const content = await restored.copied.read();
      await refuseNodes(tools);
      // The old data is on the disk before it is replaced.
      privateFolder(join(home, kept));
      for (const name of ['flm.db', 'usage.db'])
        renameSync(join(staging.folder, name), join(home, kept, name));
      await store.replace(content);
    } finally {
      restored.close();
    }
    await restoreShared(tools, join(folder, 'shared'));
    if (existsSync(join(folder, 'tls'))) {
      const staged = relative(home, folder);
      replaceFiles(home, { staged, kept, replaced: ['tls'], removed: [] });
    }
    return { ...merged, counts };
  };
}

async function restoreShared(tools: PostgresTools, folder: string): Promise<void> {
  if (!existsSync(folder)) return;
  const files = tools.files();
  for (const name of readdirSync(folder))
    await files.write(`${sharedPrefix}${name}`, readFileSync(join(folder, name)));
}

interface Completion {
  readonly file: string;
  readonly manifest: BackupManifest;
  readonly reviveKeys: boolean;
  readonly merged: MergeReport;
}

/** Adds the entry of the restore to the audit. Returns the number of rows. */
async function complete(
  machine: Machine,
  folder: string,
  { file, manifest, reviveKeys, merged }: Completion,
): Promise<ContentCounts> {
  const staged = openAt(folder, machine);
  try {
    const { createdAt, host, flm, auditHeads } = manifest;
    const after = { createdAt, host, flm, auditHeads, reviveKeys, ...merged };
    await staged.audit.record({
      atMs: machine.clock.nowMs(),
      actor: `cli:${machine.userName()}`,
      action: 'backup.restore',
      subject: basename(file),
      after: JSON.stringify(after),
    });
    return await staged.copied.counts();
  } finally {
    staged.close();
    settleFiles(folder);
  }
}

/** A proxy of this machine, of the handles or of the sockets: a damaged database lists none. */
async function refuseLocal(machine: Machine): Promise<void> {
  const { home, run } = machine.paths;
  const ids = new Set((await liveHandles(run)).map(({ id }) => id));
  if (existsSync(join(home, 'flm.db'))) {
    try {
      const store = openAt(home, machine);
      try {
        for (const { id } of await store.proxies.listActiveHandles()) ids.add(id);
      } finally {
        store.close();
      }
    } catch (error) {
      if (!(error instanceof StoreError) || error.code === 'STORE_BUSY') throw error;
    }
  }
  if (ids.size > 0) throw refused(`proxies of this machine run (${[...ids].join(', ')})`);
}

/** A node that has just ended counts until its heartbeat is old. */
async function refuseNodes(tools: PostgresTools): Promise<void> {
  const { nodes = 0 } = await tools.facts();
  if (nodes > 0)
    throw refused(`proxies that share the database run (${nodes}), or ended in the last seconds`);
}

function keptName({ clock, paths }: Machine): string {
  const stamp = fileStamp(clock.nowMs());
  for (let n = 1; ; n++) {
    const name = `replaced-${stamp}${n === 1 ? '' : `-${n}`}`;
    if (!existsSync(join(paths.home, name))) return name;
  }
}

/** Null if there was nothing to keep. */
function keptFolder({ paths }: Machine, name: string): string | null {
  const folder = join(paths.home, name);
  if (readdirSync(folder).length > 0) return folder;
  rmdirSync(folder);
  return null;
}

function refused(reason: string): BackupError {
  return new BackupError('RESTORE_REFUSED', { params: { reason } });
}
