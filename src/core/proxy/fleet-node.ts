/**
 * The nodes of a fleet: the running proxies that share a database, as their heartbeats describe them. `flm proxy status
 * --fleet`, the admin API and the dashboard show these documents.
 */
import { z } from 'zod';

const count = z.int().min(0);

const limitStates = ['shared', 'away', 'returning', 'own'] as const;

/** What a node reports besides its identity. Nodes of other versions may report less or more, so all is optional. */
const nodeReportSchema = z.object({
  profile: z.string().optional(),
  draining: z.boolean().optional(),
  inFlight: count.optional(),
  queued: count.optional(),
  connections: count.optional(),
  requestsTotal: count.optional(),
  engines: z.array(z.object({ state: z.string() })).optional(),
  limits: z.enum(limitStates).optional(),
});

export const fleetNodeSchema = z
  .strictObject({
    id: z.string(),
    name: z.string().describe('The machine: FLM_NODE_NAME, by default its host name.'),
    version: z.string(),
    url: z.string().describe('Where the node itself listens.'),
    startedAt: z.iso.datetime(),
    silentMs: count.describe(
      'Time since its last heartbeat, by the clock of the database. A heartbeat is due every 2 s.',
    ),
    state: z
      .enum(['serving', 'draining', 'silent'])
      .describe(
        '`silent`: no heartbeat for 10 s. The node ended without a stop, or cannot reach the database.',
      ),
    revision: count.describe('The last change that the node reported to have applied.'),
    behind: count.describe('Changes after that one.'),
    profile: z.string().optional(),
    inFlight: count.optional(),
    queued: count.optional().describe('Requests that wait for a slot of an engine.'),
    connections: count.optional(),
    requestsTotal: count.optional(),
    enginesUp: count.optional(),
    engines: count.optional(),
    limits: z
      .enum(limitStates)
      .optional()
      .describe(
        '`shared`: counted for all nodes. `own`: no server for limits is configured. Otherwise the server is away.',
      ),
  })
  .meta({ id: 'FleetNode' });
export type FleetNode = Readonly<z.input<typeof fleetNodeSchema>>;

export interface Fleet {
  /** The number of the last change of keys, policy, engines, aliases, profiles and shares. */
  readonly revision: number;
  /** By name, then by start. */
  readonly nodes: readonly FleetNode[];
}

/** Reads the nodes. Throws a `StoreError` if the database cannot be reached. */
export interface FleetDirectory {
  fleet(): Promise<Fleet>;
}

/** Five heartbeats. */
const silentAfterMs = 10_000;

/** A node as the database stores it. */
export interface StoredNode {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly url: string;
  readonly startedAtMs: number;
  readonly silentMs: number;
  readonly revision: number;
  readonly report: unknown;
}

export function fleetNode(stored: StoredNode, revision: number): FleetNode {
  const { startedAtMs, report, ...known } = stored;
  const parsed = nodeReportSchema.safeParse(report);
  const { draining, engines, ...load } = parsed.success ? parsed.data : {};
  return {
    ...known,
    startedAt: new Date(startedAtMs).toISOString(),
    state: stored.silentMs > silentAfterMs ? 'silent' : draining === true ? 'draining' : 'serving',
    behind: Math.max(0, revision - stored.revision),
    ...load,
    ...(engines === undefined
      ? {}
      : { engines: engines.length, enginesUp: engines.filter(({ state }) => state === 'running').length }),
  };
}
