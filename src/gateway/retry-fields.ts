/**
 * Builds the lines of response fields that say when to retry, in every form that clients read (docs of the OpenAI SDKs; RFC
 * 9110, section 10.2.3), and how much of a limit is left, in OpenAI's form.
 */

/** SDKs ignore a longer wait and retry immediately, unless told not to (openai-node honours 60 s). */
const longestHonouredWaitSeconds = 60;

/** This node decided about limits by itself, because the limiter of its fleet is away. */
export const aloneField = 'x-flm-limits: node\r\n';

export function retryFields(waitMs: number): string {
  const seconds = Math.max(1, Math.ceil(waitMs / 1000));
  const fields = `retry-after: ${seconds}\r\nretry-after-ms: ${Math.ceil(waitMs)}\r\n`;
  return seconds > longestHonouredWaitSeconds ? `${fields}x-should-retry: false\r\n` : fields;
}

const limitNames = {
  requests: [
    'x-ratelimit-limit-requests: ',
    '\r\nx-ratelimit-remaining-requests: ',
    '\r\nx-ratelimit-reset-requests: ',
  ],
  tokens: [
    'x-ratelimit-limit-tokens: ',
    '\r\nx-ratelimit-remaining-tokens: ',
    '\r\nx-ratelimit-reset-tokens: ',
  ],
} as const;

/**
 * `limit` is the allowance of one minute, `remaining` is what is left of it now, and after
 * `resetMs` all of it is available again.
 */
export function limitFields(
  of: 'requests' | 'tokens',
  left: { readonly limit: number; readonly remaining: number; readonly resetMs: number },
): string {
  const [limit, remaining, reset] = limitNames[of];
  return `${limit}${left.limit}${remaining}${left.remaining}${reset}${durationText(left.resetMs)}\r\n`;
}

/** `0s`, `59s`, `6m0s`, `1h0m0s`: as Go writes durations, which is what OpenAI sends. */
function durationText(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  const rest = `${minutes % 60}m${seconds % 60}s`;
  return minutes < 60 ? rest : `${Math.floor(minutes / 60)}h${rest}`;
}
