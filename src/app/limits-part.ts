/**
 * Hands over all counts: rates, token balances, failed logins, concurrency, slots, queues, and today's tokens that are
 * not in the store yet. Afterwards the successor counts, and this process asks the successor over the limits link.
 */
import { z } from 'zod';
import type { Clock } from '../core/clock.ts';
import { deadline } from '../core/deadline.ts';
import type { ProxyHandle } from '../core/proxy/proxy-handle.ts';
import type { UsedTokens } from '../core/security/limits-authority.ts';
import type { LimitsHandOver } from '../core/security/limits-hand-over.ts';
import type { ProxyStore } from '../store/store.ts';
import type { HandOverPart } from './hand-over-parts.ts';
import { orNone } from './or-none.ts';

const name = z.string().max(1_024);
const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const span = z.number().min(0);
const buckets = orNone(z.tuple([name, span]));
const held = z.tuple([name, count]);

const limitsState = z.object({
  /** Milliseconds on the clock that all processes of this machine share. */
  atMs: z.number().catch(Number.NaN),
  rates: buckets,
  logins: buckets,
  tokens: orNone(z.tuple([name, z.number(), span])),
  admission: z
    .object({ engines: orNone(z.object({ id: name, averageMs: span, turns: z.array(name) })) })
    .catch({ engines: [] }),
  links: orNone(
    z.object({
      id: name,
      done: count,
      requests: orNone(held),
      leases: orNone(z.tuple([name, name, count])),
      waiting: orNone(z.object({ n: count, family: name, engines: z.array(name).min(1), leftMs: span })),
    }),
  ),
  used: orNone(z.object({ writer: name, sequence: count, day: count, family: name, tokens: count })),
});

export interface LimitsPartOptions {
  readonly limits: LimitsHandOver;
  readonly store: Pick<ProxyStore, 'writeUsage' | 'exportUncounted' | 'countUsed' | 'onUsed' | 'recount'>;
  readonly clock: Clock;
  /** Milliseconds on a clock that all processes of this machine share. Never goes back. */
  readonly machineMs: () => number;
}

/** New connections wait meanwhile. Usage that is not written in this time still counts, and is written later. */
const writeMs = 250;
/** New connections wait meanwhile. Without the new totals, those of the start count until the next look at the store. */
const recountMs = 1_000;
/** A longer time cannot be a hand-over; the clocks must differ. */
const longestMs = 600_000;

export function limitsPart({ limits, store, clock, machineMs }: LimitsPartOptions): HandOverPart {
  return {
    name: 'limits',
    async exportState() {
      await withinTime(store.writeUsage(), clock, writeMs);
      // The rest runs synchronously, so that the exported parts are consistent.
      const state = limits.begin();
      store.onUsed = (used: UsedTokens) => limits.tellUsed(used);
      return { atMs: machineMs(), ...state, used: store.exportUncounted() };
    },
    async importState(raw) {
      const parsed = limitsState.safeParse(raw);
      if (!parsed.success) return;
      const { atMs, used, ...state } = parsed.data;
      const sinceMs = machineMs() - atMs;
      limits.take(state, sinceMs >= 0 && sinceMs <= longestMs ? sinceMs : 0);
      for (const tokens of used) store.countUsed(tokens);
      // The predecessor may know totals that are newer than those that this process has read.
      await withinTime(store.recount(), clock, recountMs);
    },
    resume() {
      store.onUsed = undefined;
      if (limits.handedOver) limits.cancel();
    },
    follow({ controlPath, nonce }: ProxyHandle) {
      limits.commit({ controlPath, nonce });
    },
  };
}

async function withinTime(work: Promise<void>, clock: Clock, ms: number): Promise<void> {
  const limit = deadline(clock, ms);
  const late = new Promise<void>((resolve) => limit.signal.addEventListener('abort', () => resolve()));
  await Promise.race([work, late]);
  limit.end();
}
