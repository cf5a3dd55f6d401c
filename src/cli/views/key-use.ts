/** Shows the current use of a key's limits as text. */
import type { KeyLimits } from '../../core/security/api-key.ts';
import type { KeyUseDocument } from '../../core/security/key-use.ts';
import { t } from '../i18n/texts.ts';

/** Returns one line for each limit. */
export function useLines(
  { tokensToday, proxies }: KeyUseDocument,
  limits: Pick<KeyLimits, 'tokensPerDay' | 'concurrency'>,
): readonly string[] {
  const { tokensPerDay, concurrency } = limits;
  const said = t.key.use;
  const lines = [tokensToday === null ? said.tokensUnknown : said.tokensToday(tokensToday, tokensPerDay)];
  for (const { id, requests, tokens, inProgress } of proxies) {
    const parts = [said.inProgress(inProgress, concurrency)];
    if (requests !== null) {
      const { remaining, burst, perMinute } = requests;
      parts.push(said.requests(burst - remaining, burst, perMinute, inSeconds(requests.resetMs)));
    }
    if (tokens !== null) {
      const used = tokens.limit - tokens.remaining;
      parts.push(said.tokens(used, tokens.limit, inSeconds(tokens.resetMs)));
    }
    lines.push(said.inProxy(id, parts));
  }
  if (proxies.length === 0) lines.push(said.noProxy);
  return lines;
}

function inSeconds(resetMs: number): number {
  return Math.max(0, Math.ceil(resetMs / 1000));
}
