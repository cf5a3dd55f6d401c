/**
 * The repositories in memory, for unit tests of other rooms: the promises of the ports (held by the contract suite), no
 * file and no process. What goes in and out is copied, as a database would.
 */
import type { EngineRecord } from '../../core/engine/engine.ts';
import { PolicyError } from '../../core/errors.ts';
import type { Liveness, ProxyProfile, ProxyRepository } from '../../core/proxy/ports.ts';
import { endedWithoutStop, type ProxyHandle } from '../../core/proxy/proxy-handle.ts';
import {
  type ApiKey,
  isActive,
  revokedFault,
  takenLabelFault,
  takesLabel,
} from '../../core/security/api-key.ts';
import type {
  AuditEntry,
  AuditRepository,
  ChangedKey,
  EngineRepository,
  KeyChange,
  LastUse,
  ModelAlias,
  SecurityRepository,
  UsageEntry,
  UsageRepository,
  UsageRow,
} from '../../core/security/ports.ts';
import { defaultPolicy, type SecurityPolicy } from '../../core/security/security-policy.ts';
import { withoutSecrets } from '../audit-secrets.ts';
import type { Repositories } from '../repositories.ts';
import { addRows, usageRowOf } from '../usage-row.ts';

export function openMemoryStore(liveness: Liveness): Repositories {
  const lastUsed = new Map<string, LastUse>();
  const audit = new MemoryAudit();
  return {
    proxies: new MemoryProxies(liveness, audit),
    security: new MemorySecurity(lastUsed, audit),
    engines: new MemoryEngines(audit),
    audit,
    usage: new MemoryUsage(lastUsed),
  };
}

const copy = structuredClone;

class MemoryProxies implements ProxyRepository {
  readonly #liveness: Liveness;
  readonly #profiles = new Map<string, ProxyProfile>();
  readonly #handles = new Map<string, ProxyHandle>();

  readonly #audit: MemoryAudit;

  constructor(liveness: Liveness, audit: MemoryAudit) {
    this.#liveness = liveness;
    this.#audit = audit;
  }
  async saveProfile(profile: ProxyProfile, audit?: AuditEntry): Promise<void> {
    this.#profiles.set(profile.name, copy(profile));
    this.#audit.changed(audit);
  }
  async loadProfile(name: string): Promise<ProxyProfile | undefined> {
    return copy(this.#profiles.get(name));
  }
  async listProfiles(): Promise<readonly ProxyProfile[]> {
    return copy([...this.#profiles.values()].sort(by((p) => p.name)));
  }
  async deleteProfile(name: string, audit?: AuditEntry): Promise<boolean> {
    return this.#audit.changed(audit, this.#profiles.delete(name));
  }
  async saveHandle(handle: ProxyHandle): Promise<void> {
    this.#handles.set(handle.id, copy(handle));
  }
  async deleteHandle(id: string, nonce: string): Promise<void> {
    if (this.#handles.get(id)?.nonce === nonce) this.#handles.delete(id);
  }
  async listHandles(): Promise<readonly ProxyHandle[]> {
    return copy([...this.#handles.values()].sort(by((h) => h.startedAtMs)));
  }
  async listActiveHandles(): Promise<readonly ProxyHandle[]> {
    const handles = await this.listHandles();
    const lives = await Promise.all(handles.map(this.#liveness));
    for (const [index, handle] of handles.entries())
      if (!lives[index] && !endedWithoutStop(handle)) await this.deleteHandle(handle.id, handle.nonce);
    return handles.filter((_, index) => lives[index]);
  }
}

class MemorySecurity implements SecurityRepository {
  readonly #keys = new Map<string, ApiKey>();
  readonly #lastUsed: ReadonlyMap<string, LastUse>;
  #policy: SecurityPolicy = defaultPolicy;

  readonly #audit: MemoryAudit;

  constructor(lastUsed: ReadonlyMap<string, LastUse>, audit: MemoryAudit) {
    this.#lastUsed = lastUsed;
    this.#audit = audit;
  }
  async insertKey(key: ApiKey, audit?: AuditEntry): Promise<void> {
    this.#insert(key);
    this.#audit.changed(audit);
  }
  async listKeys(): Promise<readonly ApiKey[]> {
    return copy([...this.#keys.values()].sort(by((k) => k.createdAtMs)));
  }
  async findKey(id: string): Promise<ApiKey | undefined> {
    return copy(this.#keys.get(id));
  }
  async updateKey(key: ApiKey, audit?: AuditEntry): Promise<void> {
    this.#update(key);
    this.#audit.changed(audit);
  }
  async changeFamily(
    familyId: string,
    atMs: number,
    change: KeyChange,
    audit?: (changes: readonly ChangedKey[]) => AuditEntry,
  ): Promise<readonly ApiKey[]> {
    const family = (await this.listKeys()).filter((k) => k.familyId === familyId && k.revokedAtMs === null);
    const changes = family.map((before): ChangedKey => ({ before, after: change(before) }));
    for (const { before, after } of changes)
      if (takesLabel(before, after, atMs)) this.#refuseTakenLabel(after, atMs);
    for (const { after } of changes) this.#update(after);
    if (changes.length > 0) this.#audit.changed(audit?.(changes));
    return changes.map(({ after }) => after);
  }
  async replaceKey(old: ApiKey, successor: ApiKey, audit?: AuditEntry): Promise<void> {
    const stored = this.#keys.get(old.id);
    if (stored === undefined) throw new PolicyError('KEY_NOT_FOUND', { params: { key: old.id } });
    if (stored.revokedAtMs !== null) throw revokedFault(old.id);
    if (isActive(stored, successor.createdAtMs)) this.#insertUnderTakenLabel(successor);
    else this.#insert(successor);
    this.#update(old);
    this.#audit.changed(audit);
  }
  async deleteKey(id: string, audit?: AuditEntry): Promise<boolean> {
    return this.#audit.changed(audit, this.#keys.delete(id));
  }
  async loadPolicy(): Promise<SecurityPolicy> {
    return copy(this.#policy);
  }
  async savePolicy(policy: SecurityPolicy, audit?: AuditEntry): Promise<void> {
    this.#policy = copy(policy);
    this.#audit.changed(audit);
  }
  async lastUsed(): Promise<ReadonlyMap<string, LastUse>> {
    return copy(this.#lastUsed);
  }
  #insert(key: ApiKey): void {
    this.#refuseTakenLabel(key, key.createdAtMs);
    this.#insertUnderTakenLabel(key);
  }
  #insertUnderTakenLabel(key: ApiKey): void {
    if (this.#keys.has(key.id)) throw duplicate();
    this.#put(key);
  }
  #refuseTakenLabel({ label, familyId }: ApiKey, atMs: number): void {
    for (const other of this.#keys.values())
      if (other.label === label && other.familyId !== familyId && isActive(other, atMs))
        throw takenLabelFault(label, other.id);
  }
  #update(key: ApiKey): void {
    const before = this.#keys.get(key.id);
    if (before === undefined) throw new PolicyError('KEY_NOT_FOUND', { params: { key: key.id } });
    this.#put({ ...key, revokedAtMs: before.revokedAtMs ?? key.revokedAtMs });
  }
  #put(key: ApiKey): void {
    for (const other of this.#keys.values())
      if (other.digest === key.digest && other.id !== key.id) throw duplicate();
    this.#keys.set(key.id, copy(key));
  }
}

class MemoryEngines implements EngineRepository {
  readonly #engines = new Map<string, EngineRecord>();
  readonly #aliases = new Map<string, ModelAlias>();
  readonly #audit: MemoryAudit;

  constructor(audit: MemoryAudit) {
    this.#audit = audit;
  }
  async saveEngine(engine: EngineRecord, audit?: AuditEntry): Promise<void> {
    this.#engines.set(engine.id, copy(engine));
    this.#audit.changed(audit);
  }
  async listEngines(): Promise<readonly EngineRecord[]> {
    return copy([...this.#engines.values()].sort(by((e) => e.createdAtMs)));
  }
  async deleteEngine(id: string, audit?: AuditEntry): Promise<boolean> {
    return this.#audit.changed(audit, this.#engines.delete(id));
  }
  async saveAlias(alias: ModelAlias, audit?: AuditEntry): Promise<void> {
    this.#aliases.set(alias.name, copy(alias));
    this.#audit.changed(audit);
  }
  async listAliases(): Promise<readonly ModelAlias[]> {
    return copy([...this.#aliases.values()].sort(by((a) => a.name)));
  }
  async deleteAlias(name: string, audit?: AuditEntry): Promise<boolean> {
    return this.#audit.changed(audit, this.#aliases.delete(name));
  }
}

class MemoryAudit implements AuditRepository {
  readonly #entries: AuditEntry[] = [];

  async record(entry: AuditEntry): Promise<void> {
    this.changed(entry);
  }
  /** Records what was changed; whether it was. */
  changed(entry: AuditEntry | undefined, changed = true): boolean {
    if (entry !== undefined && changed) this.#keep(entry);
    return changed;
  }
  #keep(entry: AuditEntry): void {
    this.#entries.unshift({
      ...entry,
      ...(entry.before === undefined ? {} : { before: withoutSecrets(entry.before) }),
      ...(entry.after === undefined ? {} : { after: withoutSecrets(entry.after) }),
    });
  }
  async list(limit: number): Promise<readonly AuditEntry[]> {
    return copy(this.#entries.slice(0, limit));
  }
}

class MemoryUsage implements UsageRepository {
  readonly #rows = new Map<string, UsageRow>();
  readonly #lastUsed: Map<string, LastUse>;

  constructor(lastUsed: Map<string, LastUse>) {
    this.#lastUsed = lastUsed;
  }
  async addUsage(entries: readonly UsageEntry[]): Promise<void> {
    for (const entry of entries) {
      const row = usageRowOf(entry);
      const name = JSON.stringify([row.day, row.keyId, row.model]);
      const before = this.#rows.get(name);
      this.#rows.set(name, before === undefined ? row : addRows(before, row));
      const { keyId, atMs, address } = entry;
      if (atMs >= (this.#lastUsed.get(keyId)?.atMs ?? 0)) this.#lastUsed.set(keyId, { atMs, address });
    }
  }
  async listUsage(fromDay: string): Promise<readonly UsageRow[]> {
    const rows = [...this.#rows.values()].filter((row) => row.day >= fromDay);
    return copy(rows.sort(by((row) => `${row.day}\n${row.keyId}\n${row.model}`)));
  }
}

function by<T>(what: (item: T) => string | number): (a: T, b: T) => number {
  return (a, b) => {
    const [x, y] = [what(a), what(b)];
    return x < y ? -1 : x > y ? 1 : 0;
  };
}

function duplicate(): PolicyError {
  const faults = [{ field: 'key', value: 'one that exists already', allowed: 'a new id and a new secret' }];
  return new PolicyError('KEY_INVALID', { faults });
}
