/**
 * Profiles and handles in `flm.db`. The table stores handles; only their processes can show whether they are running.
 */

import { StoreError } from '../../core/errors.ts';
import type { Liveness, ProxyProfile, ProxyRepository } from '../../core/proxy/ports.ts';
import { endedWithoutStop, type ProxyHandle } from '../../core/proxy/proxy-handle.ts';
import type { AuditEntry } from '../../core/security/ports.ts';
import { integer, json, profileOf, type Row, text } from '../rows.ts';
import { writeChange } from './audit-repository.ts';
import type { Database } from './database.ts';
import { forgetApplied } from './engine-repository.ts';

export class SqliteProxyRepository implements ProxyRepository {
  readonly #db: Database;
  readonly #liveness: Liveness;

  constructor(db: Database, liveness: Liveness) {
    this.#db = db;
    this.#liveness = liveness;
  }

  async saveProfile(profile: ProxyProfile, audit?: AuditEntry): Promise<void> {
    writeChange(this.#db, audit, () => saveProfileRow(this.#db, profile));
  }

  async loadProfile(name: string): Promise<ProxyProfile | undefined> {
    return this.#db.find(profileOf, 'SELECT * FROM profile WHERE name = ?', name);
  }

  async listProfiles(): Promise<readonly ProxyProfile[]> {
    return this.#db.list(profileOf, 'SELECT * FROM profile ORDER BY name');
  }

  async deleteProfile(name: string, audit?: AuditEntry): Promise<boolean> {
    return writeChange(this.#db, audit, () => deleteProfileRow(this.#db, name)) > 0;
  }

  async saveHandle(handle: ProxyHandle): Promise<void> {
    saveHandle(this.#db, handle);
  }

  async deleteHandle(id: string, nonce: string): Promise<void> {
    deleteHandle(this.#db, id, nonce);
  }

  async listHandles(): Promise<readonly ProxyHandle[]> {
    return this.#db.list(handleOf, 'SELECT * FROM proxy_handle ORDER BY started_at, id');
  }

  async listActiveHandles(): Promise<readonly ProxyHandle[]> {
    const handles = await this.listHandles();
    const lives = await Promise.all(handles.map((handle) => this.#liveness(handle)));
    const dead = handles.filter((handle, index) => lives[index] === false && !endedWithoutStop(handle));
    // By nonce: a new proxy with the same id keeps its row.
    for (const handle of dead) forgetDead(this.#db, handle);
    return handles.filter((_, index) => lives[index]);
  }
}

/** A command that only lists proxies must not fail if the database is read-only; a later one removes the row. */
function forgetDead(db: Database, { id, nonce }: ProxyHandle): void {
  try {
    deleteHandle(db, id, nonce);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
  }
}

export function saveHandle(db: Database, handle: ProxyHandle): void {
  db.write(() =>
    db.run(
      `INSERT OR REPLACE INTO proxy_handle (id, nonce, pid, port, mode, addresses, started_at, profile, process_start,
       control_path, draining, starting) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      handle.id,
      handle.nonce,
      handle.pid,
      handle.port,
      handle.mode,
      JSON.stringify(handle.addresses),
      handle.startedAtMs,
      handle.profile,
      handle.processStart,
      handle.controlPath,
      handle.draining ? 1 : 0,
      handle.starting === true ? 1 : 0,
    ),
  );
}

export function deleteHandle(db: Database, id: string, nonce: string): void {
  db.write(() => db.run('DELETE FROM proxy_handle WHERE id = ? AND nonce = ?', id, nonce));
}

function handleOf(row: Row): ProxyHandle {
  return {
    id: text(row, 'id'),
    pid: integer(row, 'pid'),
    port: integer(row, 'port'),
    // A name in proxyModes: only those are written, and a release with more names has a newer schema.
    mode: text(row, 'mode') as ProxyHandle['mode'],
    addresses: json<readonly string[]>(row, 'addresses'),
    startedAtMs: integer(row, 'started_at'),
    profile: text(row, 'profile'),
    nonce: text(row, 'nonce'),
    processStart: text(row, 'process_start'),
    controlPath: text(row, 'control_path'),
    draining: integer(row, 'draining') === 1,
    ...(integer(row, 'starting') === 1 ? { starting: true } : {}),
  };
}

/** Call it inside a write transaction of `db`. Returns the number of changed rows. */
export function saveProfileRow(db: Database, profile: ProxyProfile): number {
  return db.run(
    `INSERT INTO profile (name, config, created_at, updated_at) VALUES (?, ?, ?, ?) ON CONFLICT (name) DO UPDATE
     SET config = excluded.config, created_at = excluded.created_at, updated_at = excluded.updated_at`,
    profile.name,
    JSON.stringify(profile.config),
    profile.createdAtMs,
    profile.updatedAtMs,
  );
}

/** Call it inside a write transaction of `db`. Returns the number of deleted rows. */
export function deleteProfileRow(db: Database, name: string): number {
  forgetApplied(db, 'profile', name);
  return db.run('DELETE FROM profile WHERE name = ?', name);
}
