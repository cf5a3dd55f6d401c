/**
 * The current use of a key's limits, from the running proxies. Tokens of the day also come from `usage.db` if no proxy
 * runs. During a rotation, both secrets of a key count together.
 */
import { FlmError } from '../core/errors.ts';
import type { ApiKey } from '../core/security/api-key.ts';
import type { KeyUseDocument } from '../core/security/key-use.ts';
import type { Flm } from './flm.ts';

type Parts = Pick<Flm, 'proxies' | 'control' | 'usage' | 'machine'>;

export async function keyUseOf(flm: Parts, record: ApiKey, signal?: AbortSignal): Promise<KeyUseDocument> {
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
async function storedTokens(flm: Parts, familyId: string): Promise<number | undefined> {
  const today = new Date(flm.machine.clock.nowMs()).toISOString().slice(0, 10);
  try {
    const rows = (await flm.usage.listUsage(today)).filter((row) => row.familyId === familyId);
    return rows.reduce((sum, row) => sum + row.inputTokens + row.outputTokens, 0);
  } catch (error) {
    if (error instanceof FlmError) return undefined;
    throw error;
  }
}
