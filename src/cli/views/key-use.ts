/** Shows the current use of a key's limits as text. */
import type { KeyLimits } from '../../core/security/api-key.ts';
import type { KeyUseDocument } from '../../core/security/key-use.ts';

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
