/** Limits of a key in words. */
import type { Key } from '../../api/client.ts';
import { en } from '../../i18n/en.ts';
import { count } from '../format.ts';

export function limitTexts({
  requestsPerMinute,
  burst,
  tokensPerMinute,
  tokensPerDay,
  concurrency,
}: Key['limits']): readonly string[] {
  return [
    ...(requestsPerMinute === null ? [] : [en.keys.perMinute(count(requestsPerMinute))]),
    ...(burst === null ? [] : [en.keys.burst(count(burst))]),
    ...(tokensPerMinute === null ? [] : [en.keys.tokensPerMinute(count(tokensPerMinute))]),
    ...(tokensPerDay === null ? [] : [en.keys.perDay(count(tokensPerDay))]),
    ...(concurrency === null ? [] : [en.keys.atOnce(count(concurrency))]),
  ];
}
