/**
 * Shows the current use of a key's limits, from the running proxies. Tokens of the day also come from `usage.db` if no
 * proxy runs. During a rotation, both secrets of a key count together.
 */
import { FlmError } from '../../core/errors.ts';
import type { KeyUse } from '../../core/proxy/ports.ts';
import type { ApiKey, KeyLimits } from '../../core/security/api-key.ts';
import type { Session } from '../command.ts';

/** Part of the `--json` output of `flm key show`; documented in docs/cli.md. */
export interface KeyUseDocument {
  /** Null if neither a proxy nor `usage.db` has the number. */
  readonly tokensToday: number | null;
  /** Proxies that know the key; empty if none runs. */
  readonly proxies: readonly (KeyUse & { readonly id: string })[];
}

export async function keyUseOf({ flm, signal }: Session, record: ApiKey): Promise<KeyUseDocument> {
  const handles = await flm.proxies.list();
  const answers = await Promise.all(
    handles.map(async (handle) => {
      try {
        const use = await flm.control(handle).keyUse(record.id, signal);
        return use === undefined || use === 'gone' ? [] : [{ id: handle.id, ...use }];
      } catch (error) {
        // `flm proxy status` reports a proxy that hangs.
        if (error instanceof FlmError) return [];
        throw error;
      }
    }),
  );
  const proxies = answers.flat();
  const stored = await storedTokens(flm, record.familyId);
  const counts = [...proxies.map((p) => p.tokensToday), ...(stored === undefined ? [] : [stored])];
  return { tokensToday: counts.length === 0 ? null : Math.max(...counts), proxies };
}

/** Tokens of today in `usage.db`, at most a second old. */
async function storedTokens(flm: Session['flm'], familyId: string): Promise<number | undefined> {
  const today = new Date(flm.machine.clock.nowMs()).toISOString().slice(0, 10);
  try {
    const rows = (await flm.usage.listUsage(today)).filter((row) => row.familyId === familyId);
    return rows.reduce((sum, row) => sum + row.inputTokens + row.outputTokens, 0);
  } catch (error) {
    if (error instanceof FlmError) return undefined;
    throw error;
  }
}

/** Returns one line for each limit. */
export function useLines(
  { tokensToday, proxies }: KeyUseDocument,
  limits: Pick<KeyLimits, 'tokensPerDay' | 'concurrency'>,
): readonly string[] {
  const { tokensPerDay, concurrency } = limits;
  const ofDay = tokensPerDay === null ? '' : ` of ${tokensPerDay}`;
  const lines = [
    tokensToday === null ? 'tokens today: not known' : `${tokensToday}${ofDay} tokens today (UTC)`,
  ];
  for (const { id, requests, tokens, inProgress } of proxies) {
    const ofConcurrency = concurrency === null ? '' : ` of ${concurrency}`;
    const parts = [`${inProgress}${ofConcurrency} in progress`];
    if (requests !== null) {
      const { remaining, burst, perMinute } = requests;
      const full = inSeconds(requests.resetMs);
      parts.push(`${burst - remaining} of ${burst} requests at once, at ${perMinute} a minute${full}`);
    }
    if (tokens !== null) {
      const used = tokens.limit - tokens.remaining;
      parts.push(`${used} of ${tokens.limit} tokens a minute${inSeconds(tokens.resetMs)}`);
    }
    lines.push(`${id}: ${parts.join('; ')}`);
  }
  if (proxies.length === 0) lines.push('No proxy runs, so the current use of the other limits is unknown.');
  return lines;
}

function inSeconds(resetMs: number): string {
  return resetMs <= 0 ? '' : `, free again in ${Math.ceil(resetMs / 1000)} s`;
}
