/** Limits of a key in words. */
import type { Key } from '../../api/client.ts';
import { t } from '../../i18n/texts.ts';
import { count } from '../format.ts';

export function limitTexts({
  requestsPerMinute,
  burst,
  tokensPerMinute,
  tokensPerDay,
  concurrency,
}: Key['limits']): readonly string[] {
  return [
    ...(requestsPerMinute === null ? [] : [t.keys.perMinute(count(requestsPerMinute))]),
    ...(burst === null ? [] : [t.keys.burst(count(burst))]),
    ...(tokensPerMinute === null ? [] : [t.keys.tokensPerMinute(count(tokensPerMinute))]),
    ...(tokensPerDay === null ? [] : [t.keys.perDay(count(tokensPerDay))]),
    ...(concurrency === null ? [] : [t.keys.atOnce(count(concurrency))]),
  ];
}
