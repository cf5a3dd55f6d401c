/**
 * Hands over state that exists only in memory, apart from the limits: temporary keys, revocations that are not stored
 * yet, the state of engines, where conversations ran, and the number of requests so far.
 */
import { z } from 'zod';
import type { ConversationHomes } from '../core/engine/conversation-homes.ts';
import { engineStates } from '../core/engine/engine.ts';
import type { EngineService } from '../core/engine/engine-service.ts';
import { engineKindNames } from '../core/engine/kinds.ts';
import type { SnapshotHolder } from '../core/security/snapshot.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { ProxyStore } from '../store/store.ts';
import type { HandOverPart } from './hand-over-parts.ts';
import { orNone } from './or-none.ts';
import type { TemporaryKeyRing } from './temporary-keys.ts';

const nothing = (): void => {};

const temporaryKeys = orNone(
  z.object({
    id: z.string(),
    digest: z.string().regex(/^[0-9a-f]{64}$/),
    expiresAtMs: z.number(),
  }),
);

/** The state contains only digests of the secrets. */
export function temporaryKeysPart(keys: TemporaryKeyRing): HandOverPart {
  return {
    name: 'temporaryKeys',
    exportState: () => keys.exportState(),
    importState: (state) => keys.importState(temporaryKeys.parse(state)),
    resume: nothing,
    follow: nothing,
  };
}

const revocations = orNone(
  z.object({
    atMs: z.number(),
    actor: z.string(),
    action: z.literal('key.revoke'),
    subject: z.string(),
    after: z.string().optional(),
  }),
);

/** Both processes try to write the revocations. The second one finds the key already revoked. */
export function revocationsPart(
  snapshots: SnapshotHolder,
  store: Pick<ProxyStore, 'exportRevocations' | 'revoke'>,
): HandOverPart {
  return {
    name: 'revocations',
    exportState: () => store.exportRevocations(),
    importState(state) {
      for (const { after, ...entry } of revocations.parse(state)) {
        if (!snapshots.revoke(entry.subject)) continue;
        store.revoke(entry.subject, { ...entry, ...(after === undefined ? {} : { after }) });
      }
    },
    resume: nothing,
    follow: nothing,
  };
}

/** Read by `status`. */
export function requestsPart(metrics: Metrics): HandOverPart {
  return {
    name: 'requestsTotal',
    exportState: () => metrics.total,
    importState(state) {
      metrics.total += z.number().int().min(0).catch(0).parse(state);
    },
    resume: nothing,
    follow: nothing,
  };
}

const ms = z.number().min(0);
const rankState = z.object({
  state: z.enum(['even', 'last', 'returning']),
  reason: z.string(),
  pauseMs: ms,
  waitMs: ms,
  goodInARow: z.number().int().min(0),
  marks: orNone(z.object({ family: z.string(), leftMs: ms, pauseMs: ms, what: z.string() })),
});

const engineFacts = orNone(
  z.object({
    id: z.string(),
    url: z.string(),
    kind: z.enum(engineKindNames),
    state: z.enum(engineStates),
    models: orNone(
      z.object({
        id: z.string(),
        contextLength: z.number().exactOptional(),
        loaded: z.boolean().exactOptional(),
        created: z.number().exactOptional(),
        remote: z.boolean().exactOptional(),
        ownedBy: z.string().exactOptional(),
      }),
    ),
    note: z.string().exactOptional(),
    version: z.string().exactOptional(),
    slots: z.number().int().min(1).exactOptional(),
    breaker: z
      .object({ failures: z.number().int().min(0), pauseMs: ms, waitMs: ms })
      .catch({ failures: 0, pauseMs: 0, waitMs: 0 }),
    rank: rankState,
  }),
);

/** So the successor can use a slow engine before the engine has answered the first probe. */
export function enginesPart(engines: EngineService): HandOverPart {
  return {
    name: 'engines',
    exportState: () => engines.exportState(),
    importState: (state) => engines.importState(engineFacts.parse(state)),
    resume: nothing,
    follow: nothing,
  };
}

const engineConversations = orNone(z.object({ engine: z.string(), ids: z.array(z.int32()) }));

export function conversationsPart(homes: ConversationHomes): HandOverPart {
  return {
    name: 'conversations',
    exportState: () => homes.exportState(),
    importState: (state) => homes.importState(engineConversations.parse(state)),
    resume: nothing,
    follow: nothing,
  };
}
