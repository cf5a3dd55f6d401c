/**
 * Profiles, which all machines share. Handles belong to processes of this machine, so the local repository keeps them.
 */
import type { HandleRepository, ProxyProfile, ProxyRepository } from '../../core/proxy/ports.ts';
import type { ProxyHandle } from '../../core/proxy/proxy-handle.ts';
import type { AuditEntry } from '../../core/security/ports.ts';
import { profileOf } from '../rows.ts';
import { writeChange } from './audit-repository.ts';
import type { PostgresDatabase } from './database.ts';
import { deleteRow } from './deleted-rows.ts';
import type { SqlSession } from './sql-session.ts';

export const allProfiles = 'SELECT name, config, created_at, updated_at FROM flm.profile ORDER BY name';

export class PostgresProxyRepository implements ProxyRepository {
  readonly #db: PostgresDatabase;
  readonly #handles: HandleRepository;

  constructor(db: PostgresDatabase, handles: HandleRepository) {
    this.#db = db;
    this.#handles = handles;
  }

  async saveProfile(profile: ProxyProfile, audit?: AuditEntry): Promise<void> {
    await writeChange(this.#db, audit, (session, revision) => saveProfileRow(session, profile, revision));
  }

  async loadProfile(name: string): Promise<ProxyProfile | undefined> {
    const sql = 'SELECT name, config, created_at, updated_at FROM flm.profile WHERE name = $1';
    return this.#db.find(profileOf, sql, name);
  }

  async listProfiles(): Promise<readonly ProxyProfile[]> {
    return this.#db.list(profileOf, allProfiles);
  }

  async deleteProfile(name: string, audit?: AuditEntry): Promise<boolean> {
    const deleted = await writeChange(this.#db, audit, (session, revision) =>
      deleteRow(session, 'profile', name, revision),
    );
    return deleted > 0;
  }

  saveHandle(handle: ProxyHandle): Promise<void> {
    return this.#handles.saveHandle(handle);
  }

  deleteHandle(id: string, nonce: string): Promise<void> {
    return this.#handles.deleteHandle(id, nonce);
  }

  listHandles(): Promise<readonly ProxyHandle[]> {
    return this.#handles.listHandles();
  }

  listActiveHandles(): Promise<readonly ProxyHandle[]> {
    return this.#handles.listActiveHandles();
  }
}

/** Call it inside a change. Returns the number of changed rows. */
export async function saveProfileRow(
  session: SqlSession,
  profile: ProxyProfile,
  revision: number,
): Promise<number> {
  return session.run(
    `INSERT INTO flm.profile (name, config, created_at, updated_at, revision) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (name) DO UPDATE SET config = excluded.config, created_at = excluded.created_at,
     updated_at = excluded.updated_at, revision = excluded.revision`,
    profile.name,
    JSON.stringify(profile.config),
    profile.createdAtMs,
    profile.updatedAtMs,
    revision,
  );
}
