/**
 * Connects the limits of a proxy to the server that counts for all nodes, where `FLM_VALKEY_URL` names one. Its code is
 * loaded only then, and before the proxy is ready.
 *
 * Revocations use the same server as a second way beside the database: every node applies them at once, and tries to
 * write them until the database has them.
 */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { Clock } from '../core/clock.ts';
import type { EngineDirectory } from '../core/engine/directory.ts';
import { StoreError } from '../core/errors.ts';
import { base62 } from '../core/security/key-secret.ts';
import { LocalLimits, type LocalLimitsOptions } from '../core/security/local-limits.ts';
import type { AuditEntry } from '../core/security/ports.ts';
import type { SnapshotHolder } from '../core/security/snapshot.ts';
import type { Logger } from '../observe/logger.ts';
import type { ProxyStore } from '../store/store.ts';
import type { FleetLimits, FleetState } from '../valkey/fleet-limits.ts';
import type { HandOverPart } from './hand-over-parts.ts';
import type { Machine } from './machine.ts';
import { orNone } from './or-none.ts';

/** What every limit of a proxy needs, local or shared. */
export type FleetParts = Omit<LocalLimitsOptions, 'ledger'> & {
  readonly clock: Clock;
  readonly directory: EngineDirectory;
  readonly store: ProxyStore;
  readonly snapshots: SnapshotHolder;
  readonly logger: Logger;
};

export interface LimitsOfProxy {
  readonly local: LocalLimits;
  /** Absent where this proxy counts alone. */
  readonly fleet?: FleetLimits;
}

export type MakeLimits = (parts: FleetParts) => LimitsOfProxy;

/** Loads the code that this proxy's limits need. Throws STORE_SETTINGS_INVALID. */
export async function loadLimits(machine: Machine): Promise<MakeLimits> {
  const { valkey, valkeyOutage } = machine.stores();
  if (valkey === undefined) return (parts) => ({ local: new LocalLimits({ ...parts, ledger: parts.store }) });
  const [{ FleetLimits }, { RedisLink }, { SpentToday }] = await Promise.all([
    import('../valkey/fleet-limits.ts'),
    import('../valkey/redis-link.ts'),
    import('../valkey/spent-today.ts'),
  ]);
  const ca = valkey.caFile === undefined ? undefined : readCa(valkey.caFile);
  return (parts) => {
    const { clock, store, logger } = parts;
    const spent = new SpentToday(store, clock);
    const local = new LocalLimits({ ...parts, ledger: spent });
    const fleet: FleetLimits = new FleetLimits({
      link: new RedisLink({ address: valkey, ca, clock }),
      local,
      spent,
      clock,
      directory: parts.directory,
      hostname: machine.hostname,
      outage: valkeyOutage,
      newId: () => base62(machine.secrets.randomBytes(12), 16),
      changed(state, problem) {
        const facts = { server: valkey.shown, nodes: fleet.reading.nodes };
        if (state === 'shared') logger.event('info', 'limits are counted for all nodes', facts);
        else if (state === 'away') logger.event('warn', awayText[valkeyOutage], { ...facts, problem });
        else logger.event('info', 'the server that counts limits answers again', facts);
      },
      revoked: (keyId, entry) => revocations.apply(keyId, entry),
    });
    const revocations = new FleetRevocations(fleet, parts.snapshots, store);
    return { local, fleet };
  };
}

/** Throws STORE_SETTINGS_INVALID. */
export function readCa(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    const allowed = '?ca= with a file that this user can read';
    throw new StoreError('STORE_SETTINGS_INVALID', {
      faults: [{ field: 'FLM_VALKEY_URL', value: JSON.stringify(file), allowed }],
    });
  }
}

const awayText = {
  local: 'the server that counts limits is away; this node takes its part of each limit',
  refuse: 'the server that counts limits is away; requests with limits are refused',
} as const;

const name = z.string().max(1_024);
const fleetState = z.object({
  base: name.min(1),
  nodes: z.number().int().min(1).max(10_000),
  charges: orNone(
    z.object({
      writer: name,
      number: z.number().int().min(1),
      family: name,
      perMinute: z.number().min(0),
      tokens: z.number().min(0),
      daily: z.boolean(),
    }),
  ),
});

/**
 * The successor continues as the same node: it takes over what the node holds. Added after the part of the limits, whose
 * state it needs.
 */
export function fleetPart(fleet: FleetLimits): HandOverPart {
  return {
    name: 'fleet',
    exportState: (): FleetState => fleet.exportState(),
    async importState(raw) {
      const parsed = fleetState.safeParse(raw);
      if (parsed.success) await fleet.takeOver(parsed.data);
    },
    resume: () => {},
    follow: () => {},
  };
}

const auditEntry = z.object({
  atMs: z.number(),
  actor: name,
  action: z.literal('key.revoke'),
  subject: name,
  after: z.string().optional(),
});

/** Publishes a revocation that was made here. */
export async function publishRevocation(
  fleet: FleetLimits,
  entry: AuditEntry,
  written: Promise<void>,
): Promise<boolean> {
  void written.then(() => fleet.revocationWritten(entry.subject));
  return fleet.publishRevocation(entry.subject, JSON.stringify(entry));
}

class FleetRevocations {
  readonly #fleet: FleetLimits;
  readonly #snapshots: SnapshotHolder;
  readonly #store: ProxyStore;
  /** Of keys that this node does not know yet. */
  readonly #early = new Map<string, AuditEntry>();

  constructor(fleet: FleetLimits, snapshots: SnapshotHolder, store: ProxyStore) {
    this.#fleet = fleet;
    this.#snapshots = snapshots;
    this.#store = store;
    snapshots.onSwap((_old, { keys }) => {
      for (const [keyId, entry] of this.#early)
        if (keys.withId(keyId) !== undefined) this.#revoke(keyId, entry);
    });
  }

  apply(keyId: string, text: string): void {
    const entry = readEntry(text);
    if (entry === undefined || entry.subject !== keyId) return;
    const key = this.#snapshots.current().keys.withId(keyId);
    if (key === undefined) this.#early.set(keyId, entry);
    else if (!key.revoked || this.#isUnwritten(keyId)) this.#revoke(keyId, entry);
    // The database has it, and the node that wrote it could not tell the server.
    else void this.#fleet.revocationWritten(keyId);
  }

  #isUnwritten(keyId: string): boolean {
    return this.#store.exportRevocations().some(({ subject }) => subject === keyId);
  }

  #revoke(keyId: string, entry: AuditEntry): void {
    // First, because the change of the snapshot leads here again.
    this.#early.delete(keyId);
    this.#snapshots.revoke(keyId);
    const { written } = this.#store.revoke(keyId, entry);
    void written.then(() => this.#fleet.revocationWritten(keyId));
  }
}

function readEntry(text: string): AuditEntry | undefined {
  try {
    const { after, ...entry } = auditEntry.parse(JSON.parse(text));
    return after === undefined ? entry : { ...entry, after };
  } catch {
    // From a newer version, or from somebody else who can write to the server.
    return undefined;
  }
}
