/**
 * When to come back, in every form that clients read (docs of the OpenAI SDKs; RFC 9110, section 10.2.3).
 */

/** SDKs ignore a longer hint and try again at once, unless told not to (openai-node honours 60 s). */
const longestHonouredWaitSeconds = 60;

/** Flat: name, value ... */
export function retryFields(waitMs: number): string[] {
  const seconds = Math.max(1, Math.ceil(waitMs / 1000));
  const fields = ['retry-after', String(seconds), 'retry-after-ms', String(Math.ceil(waitMs))];
  if (seconds > longestHonouredWaitSeconds) fields.push('x-should-retry', 'false');
  return fields;
}
