/**
 * One SQLite file. The file opens on first use, after these checks: the folder is private, the disk is local, and this
 * flm knows the schema. Statements are prepared once. Every failure is thrown as a `StoreError`.
 *
 * A file on a read-only disk, or without write permission, can be read. Each write checks whether that has changed.
 *
 * Writers queue at `BEGIN IMMEDIATE` for the busy timeout and never fail in the middle. A damaged file is neither
 * renamed nor written. If a file disappears while it is in use, it is not created again: that would be a store without
 * keys.
 */
import assert from 'node:assert/strict';
import { chmodSync, closeSync, existsSync, fsyncSync, lstatSync, openSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import type { Clock } from '../../core/clock.ts';
import { StoreError } from '../../core/errors.ts';
import { createPrivateFile } from '../../files/private-file.ts';
import { privateFolder } from '../../files/private-folder.ts';
import { type Row, text } from '../rows.ts';
import { type FileSystemProbe, networkFileSystem, probeFileSystem } from './file-system.ts';
import { migrate, refuseNewer, schemaVersion } from './migrate.ts';
import type { Schema } from './schema.ts';
import { type DatabasePlace, storeFailure, writeDenied } from './sqlite-failure.ts';

export interface DatabaseOptions {
  /** The data folder. */
  readonly home: string;
  readonly schema: Schema;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** How long a write waits for other writers. */
  readonly busyTimeoutMs: number;
  /** Injected by tests. */
  readonly probe?: FileSystemProbe;
  /** Called before a file of an older version is migrated; the returned function, when that is done. */
  readonly onMigrate?: ((file: string) => () => void) | undefined;
}

/** Pause between two tries to open a file that another process is opening for the first time. */
const openPauseMs = 20;

export class Database {
  readonly place: DatabasePlace;
  readonly #options: DatabaseOptions;
  readonly #statements = new Map<string, StatementSync>();
  #connection: DatabaseSync | undefined;
  #identity: string | undefined;
  /** Why the connection can only read; undefined where it can write. */
  #readOnly: string | undefined;
  /** The connection takes no lock and sees no later change, so it is used only once. */
  #immutable = false;

  constructor(options: DatabaseOptions) {
    this.#options = options;
    this.place = { file: join(options.home, options.schema.file), backups: join(options.home, 'backups') };
  }

  /** Opens the file. */
  open(): void {
    this.#guarded(() => this.#opened());
  }

  /** Returns every row, converted by `read`. */
  list<T>(read: (row: Row) => T, sql: string, ...values: SQLInputValue[]): T[] {
    return this.#guarded(() =>
      this.#prepared(sql)
        .all(...values)
        .map(read),
    );
  }

  /** Returns the first row, converted by `read`. */
  find<T>(read: (row: Row) => T, sql: string, ...values: SQLInputValue[]): T | undefined {
    return this.#guarded(() => {
      const row = this.#prepared(sql).get(...values);
      return row === undefined ? undefined : read(row);
    });
  }

  /** Changes rows inside `write`. Returns the number of changed rows. */
  run(sql: string, ...values: SQLInputValue[]): number {
    assert(this.#connection?.isTransaction, 'a write stands in a transaction');
    return Number(this.#prepared(sql).run(...values).changes);
  }

  /** Runs `work` in one transaction. Writes nothing if a newer flm has migrated the file since. */
  write<T>(work: () => T): T {
    return this.#guarded(() => {
      // The file may have become writable.
      if (this.#readOnly !== undefined) this.close();
      this.#opened();
      if (this.#readOnly === undefined) return this.#transaction('BEGIN IMMEDIATE', work);
      throw new StoreError('STORE_READ_ONLY', { params: { file: this.place.file, reason: this.#readOnly } });
    });
  }

  /** Runs several reads on one snapshot of the file. */
  read<T>(work: () => T): T {
    return this.#transaction('BEGIN', work);
  }

  /** Identifies the file on disk. Changes when the file is replaced, for example by a restored backup. */
  identity(): string {
    this.open();
    assert(this.#identity !== undefined);
    return this.#identity;
  }

  /**
   * Closes a file that was replaced, so that the next use opens the new file, and a file that could only be read.
   * Throws STORE_UNUSABLE if the file no longer exists.
   */
  followFile(): void {
    if (this.#identity === undefined) return;
    if (this.#readOnly !== undefined) this.close();
    if (this.#guarded(() => this.#identityOnDisk()) !== this.#identity) this.close();
  }

  /** Returns the problems that SQLite finds in the file, in SQLite's words; empty if there are none. */
  faults(): readonly string[] {
    try {
      return this.list((row) => text(row, 'quick_check'), 'PRAGMA quick_check').filter(
        (found) => found !== 'ok',
      );
    } catch (error) {
      // The damage is too severe for the check to continue.
      if (error instanceof StoreError && error.code === 'STORE_CORRUPT') return [error.message];
      throw error;
    }
  }

  /** Closes the connection. A later call opens the file again. */
  close(): void {
    this.#statements.clear();
    const connection = this.#connection;
    this.#connection = undefined;
    this.#readOnly = undefined;
    this.#immutable = false;
    connection?.close();
  }

  #transaction<T>(begin: 'BEGIN' | 'BEGIN IMMEDIATE', work: () => T): T {
    return this.#guarded(() => {
      const db = this.#opened();
      db.exec(begin);
      try {
        const { file } = this.place;
        const found = Number(this.#prepared('PRAGMA user_version').get()?.user_version);
        refuseNewer(db, found, this.#options.schema.migrations.length, file);
        const value = work();
        db.exec('COMMIT');
        return value;
      } catch (error) {
        if (db.isTransaction) db.exec('ROLLBACK');
        throw error;
      }
    });
  }

  #prepared(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#opened().prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #opened(): DatabaseSync {
    if (this.#immutable && this.#connection?.isTransaction === false) this.close();
    // SQLite does not wait for other processes when it switches a new file to WAL, so the whole opening is retried. All
    // tries together take at most the busy timeout.
    const endMs = performance.now() + this.#options.busyTimeoutMs;
    while (this.#connection === undefined) {
      try {
        this.#connection = this.#connect();
      } catch (error) {
        const failure = storeFailure(error, this.place);
        const isBusy = failure instanceof StoreError && failure.code === 'STORE_BUSY';
        if (!isBusy || performance.now() >= endMs) throw failure;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, openPauseMs);
      }
    }
    return this.#connection;
  }

  #connect(): DatabaseSync {
    const { home, probe = probeFileSystem } = this.#options;
    privateFolder(home);
    const type = networkFileSystem(probe(home));
    if (type !== undefined) throw new StoreError('STORE_NETWORK_FS', { params: { folder: home, type } });
    try {
      return this.#connectWritable();
    } catch (error) {
      const reason = existsSync(this.place.file) ? writeDenied(this.place.file) : undefined;
      if (reason === undefined) throw error;
      return this.#connectReadOnly(reason);
    }
  }

  #connectWritable(): DatabaseSync {
    const { schema, busyTimeoutMs, clock } = this.#options;
    if (this.#identity === undefined) this.#makePrivate();
    const identity = this.#identityOnDisk();
    const db = new DatabaseSync(this.place.file, { timeout: busyTimeoutMs });
    try {
      db.exec(
        `${schema.pragmas} PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;`,
      );
      // Before any change to the file, even of the journal mode.
      refuseNewer(db, schemaVersion(db), schema.migrations.length, this.place.file);
      const mode = db.prepare('PRAGMA journal_mode = WAL').get()?.journal_mode;
      if (mode !== 'wal') {
        const reason = 'its file system does not support a write-ahead log';
        throw new StoreError('STORE_UNUSABLE', { params: { file: this.place.file, reason } });
      }
      migrate(db, schema, this.place, clock.nowMs(), this.#options.onMigrate);
      schema.opened?.(db, this.place, clock.nowMs());
    } catch (error) {
      db.close();
      throw error;
    }
    this.#identity = identity;
    return db;
  }

  /** Opens the file for reading. An older schema cannot be migrated here, so it is refused. */
  #connectReadOnly(reason: string): DatabaseSync {
    const { schema } = this.#options;
    const { file } = this.place;
    const identity = this.#identityOnDisk();
    const db = this.#openReadOnly();
    try {
      db.exec('PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;');
      const version = schemaVersion(db);
      refuseNewer(db, version, schema.migrations.length, file);
      if (version < schema.migrations.length) {
        const why = `${reason}, and it is of an older flm and has to be migrated`;
        throw new StoreError('STORE_READ_ONLY', { params: { file, reason: why } });
      }
    } catch (error) {
      db.close();
      throw error;
    }
    this.#identity = identity;
    this.#readOnly = reason;
    return db;
  }

  /**
   * In WAL mode SQLite can read a read-only file only if -wal and -shm exist (sqlite.org/wal.html, "Read-Only
   * Databases"), which is the case while a proxy has the file open. Otherwise the main file is complete, because each
   * commit reaches it, and no process can change it.
   */
  #openReadOnly(): DatabaseSync {
    const { file } = this.place;
    const timeout = this.#options.busyTimeoutMs;
    const shared = new DatabaseSync(file, { readOnly: true, timeout });
    try {
      schemaVersion(shared);
      return shared;
    } catch {
      shared.close();
    }
    const url = pathToFileURL(file);
    url.searchParams.set('immutable', '1');
    this.#immutable = true;
    return new DatabaseSync(url, { readOnly: true, timeout });
  }

  /** SQLite would create the file with the mode of the umask. -wal and -shm get the mode of the file. */
  #makePrivate(): void {
    const { file } = this.place;
    const isNew = createPrivateFile(file);
    const stat = lstatSync(file);
    const unusable = (reason: string): StoreError =>
      new StoreError('STORE_UNUSABLE', { params: { file, reason } });
    if (!stat.isFile()) throw unusable('it is not a plain file');
    if (process.geteuid === undefined) return;
    if (stat.uid !== process.geteuid()) throw unusable('it belongs to another user');
    if ((stat.mode & 0o077) !== 0) chmodSync(file, 0o600);
    if (!isNew) return;
    // The folder entry must survive a power failure, like the content.
    const folder = openSync(dirname(file), 'r');
    fsyncSync(folder);
    closeSync(folder);
  }

  #identityOnDisk(): string {
    const { dev, ino, birthtimeMs } = statSync(this.place.file);
    return `${dev}:${ino}:${birthtimeMs}`;
  }

  #guarded<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw storeFailure(error, this.place);
    }
  }
}
