/**
 * Takes secrets out of what the audit keeps. Services are told to give none; this holds even where one forgets, for the
 * audit is kept long and shown to people.
 */

/** Keys as flm issues them, anywhere in a text. */
const issuedKey = /flm_[0-9A-Za-z]{20,}/g;
const secretField = /secret|password|token$|^digest$|^authorization$|^nonce$/i;
const hidden = '[not kept]';

/** `state` is JSON as `AuditEntry` has it; other text is cleaned as text. */
export function withoutSecrets(state: string): string {
  let value: unknown;
  try {
    value = JSON.parse(state);
  } catch {
    return state.replaceAll(issuedKey, hidden);
  }
  return JSON.stringify(value, (field, part: unknown) => {
    if (typeof part === 'string')
      return secretField.test(field) ? hidden : part.replaceAll(issuedKey, hidden);
    // A secret of an engine that was given as a value.
    if (typeof part === 'object' && part !== null && 'from' in part && part.from === 'value')
      return { from: 'value' };
    return part;
  });
}
