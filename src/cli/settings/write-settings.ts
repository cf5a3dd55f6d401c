/**
 * `flm connect CLIENT --write` and `--undo`: shows the difference, asks for confirmation, edits the client's own file,
 * and restores the old file.
 */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import process from 'node:process';
import type { ClientFolders, ClientRecipe, SettingsFile } from '../../clients/recipe.ts';
import type { ConnectTarget } from '../../clients/snippet.ts';
import { ProxyError } from '../../core/errors.ts';
import { type Session, usageError } from '../command.ts';
import { t } from '../i18n/texts.ts';
import { printable } from '../terminal/layout.ts';
import { confirm } from '../terminal/question.ts';
import { Backups, dropBackup, sha256 } from './backups.ts';
import { type DifferenceLine, differenceOf } from './difference.ts';
import { editedText } from './edit.ts';
import { EditFault } from './merge.ts';
import {
  readSettingsFile,
  removeSettingsFile,
  replaceSettingsFile,
  type SettingsFileState,
  systemCall,
  textOf,
} from './settings-file.ts';

const texts = t.connect;

/** The `file` field of the `--json` output; documented in docs/cli.md. */
export interface FileDocument {
  readonly path: string;
  /** False if the file already had these settings. */
  readonly changed: boolean;
  /** The copy of the old file; null if there was none, or if nothing changed. */
  readonly backup: string | null;
}

interface WriteOptions {
  /** Replaces the client's usual file. */
  readonly file: string | undefined;
  readonly yes: boolean;
  /** A key was given or will be created. */
  readonly hasKey: boolean;
  /** Creates the key if one is needed. Called only when everything except the write is done. */
  readonly key: () => Promise<string | undefined>;
}

export interface Written {
  readonly file: FileDocument;
  readonly key: string | undefined;
  readonly warnings: readonly string[];
}

/** The placeholder in the difference for a key that is written to the file. */
const keyPlace = 'YOUR_KEY';

/** Throws USAGE, or FILE_UNUSABLE if the file cannot be edited; then nothing was changed. */
export async function writeSettings(
  session: Session,
  client: ClientRecipe,
  target: ConnectTarget,
  options: WriteOptions,
): Promise<Written> {
  const file = fileOf(client);
  const path = pathOf(session, client, file, options.file);
  const inFile = file.key === 'file';
  if (inFile && !options.hasKey) throw usageError('connect', texts.problems.needsKey(client.name));
  return editing(path, async () => {
    const home = homedir();
    const state = readSettingsFile(path, home);
    const before = textOf(state);
    const edited = (key: string | undefined): Promise<string> =>
      editedText(
        file.format,
        before,
        file.settings({ ...target, key: inFile ? key : undefined }),
        file.defaults,
      );
    const shown = await edited(keyPlace);
    const unchanged = (key: string | undefined): Written => {
      session.terminal.talk(texts.hasSettings(printable(path)));
      return { file: { path, changed: false, backup: null }, key, warnings: [] };
    };
    if (shown === before) return unchanged(await options.key());
    if (!session.json) tellDifference(session, path, differenceOf(before, shown));
    await confirm(session, 'connect', texts.changes(path), options.yes);
    // A key is created only if it will be written.
    const unmoved = readSettingsFile(path, home);
    if (textOf(unmoved) !== before) throw new EditFault(texts.faults.changedMeanwhile);
    const key = await options.key();
    const text = inFile ? await edited(key) : shown;
    if (text === before) return unchanged(key);
    const after = Buffer.from(text);
    const backup = replaced(session, client, state, after, home);
    if (!session.json) {
      const undo = `flm connect ${client.id} --undo`;
      const green = (word: string): string => session.terminal.paint('green', word);
      session.terminal.out(texts.changed(printable(path), undo, green));
    }
    const open = inFile && (state.mode & 0o044) !== 0;
    const warnings = open ? [texts.othersRead(path)] : [];
    return { file: { path, changed: true, backup }, key, warnings };
  });
}

/** Throws USAGE if there is nothing to undo, or FILE_UNUSABLE if the file has changed since. */
export async function undoSettings(
  session: Session,
  client: ClientRecipe,
  named: string | undefined,
): Promise<void> {
  const file = fileOf(client);
  const path = named === undefined ? undefined : pathOf(session, client, file, named);
  const backup = backupsOf(session, client).newest(path);
  if (backup === undefined)
    throw usageError(
      'connect',
      path === undefined ? texts.problems.nothingToUndoOf(client.name) : texts.problems.nothingToUndo(path),
    );
  await editing(backup.path, async () => {
    const home = homedir();
    const state = readSettingsFile(backup.path, home);
    const before =
      backup.copy === undefined ? undefined : systemCall(() => readFileSync(backup.copy as string));
    const isBefore = before === undefined ? state.bytes === undefined : state.bytes?.equals(before) === true;
    // After a crash between the copy and the change there is nothing to restore.
    if (!isBefore) {
      if (state.bytes === undefined || sha256(state.bytes) !== backup.written)
        throw new EditFault(texts.faults.changedSince(backup.copy));
      if (before === undefined) removeSettingsFile(state, home);
      else replaceSettingsFile(state, before, home);
    }
    dropBackup(backup);
    const { terminal } = session;
    const removed = before === undefined;
    if (session.json)
      terminal.out(
        JSON.stringify({ client: client.id, file: { path: backup.path, restored: true, removed } }),
      );
    else {
      const path = printable(backup.path);
      terminal.out(removed ? texts.removed(path) : texts.restored(path));
    }
  });
}

/** Saves the copy before the file changes, and deletes the copy if the file cannot be changed. */
function replaced(
  session: Session,
  client: ClientRecipe,
  state: SettingsFileState,
  after: Buffer,
  home: string,
): string | null {
  const backup = systemCall(() => backupsOf(session, client).keep(state.path, state.bytes, after));
  try {
    replaceSettingsFile(state, after, home);
  } catch (error) {
    dropBackup(backup);
    throw error;
  }
  return backup.copy ?? null;
}

const backupsOf = ({ flm }: Session, client: ClientRecipe): Backups =>
  new Backups(flm.machine.paths.home, client.id);

function fileOf({ name, id, file }: ClientRecipe): SettingsFile {
  if (file === undefined) throw usageError('connect', texts.problems.noFile(name, id));
  return file;
}

function pathOf(
  { cli }: Session,
  { name }: ClientRecipe,
  { path, place }: SettingsFile,
  named: string | undefined,
): string {
  if (named !== undefined) return resolve(named);
  if (path === undefined) throw usageError('connect', texts.problems.nameFile(name, place));
  return path(clientFolders(cli.environment));
}

function clientFolders(environment: Session['cli']['environment']): ClientFolders {
  const home = homedir();
  const moved = (variable: string): string | undefined => {
    const value = environment[variable];
    return value !== undefined && isAbsolute(value) ? value : undefined;
  };
  const config = moved('XDG_CONFIG_HOME') ?? join(home, '.config');
  switch (process.platform) {
    case 'win32':
      return {
        home,
        config,
        moved,
        join,
        applications: moved('APPDATA') ?? join(home, 'AppData', 'Roaming'),
      };
    case 'darwin':
      return { home, config, moved, join, applications: join(home, 'Library', 'Application Support') };
    default:
      return { home, config, moved, join, applications: config };
  }
}

async function editing<T>(path: string, edit: () => Promise<T>): Promise<T> {
  try {
    return await edit();
  } catch (cause) {
    if (!(cause instanceof EditFault)) throw cause;
    throw new ProxyError('FILE_UNUSABLE', {
      params: { file: path, done: 'changed', reason: cause.message },
      cause,
    });
  }
}

function tellDifference({ terminal }: Session, path: string, lines: readonly DifferenceLine[]): void {
  terminal.out(terminal.paint('bold', printable(path)));
  for (const { sign, text } of lines) {
    const line = printable(`${sign} ${text}`);
    terminal.out(
      sign === '+' ? terminal.paint('green', line) : sign === '-' ? terminal.paint('red', line) : line,
    );
  }
}
