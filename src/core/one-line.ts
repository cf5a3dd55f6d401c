/**
 * Makes JSON a single line for every reader. JSON.stringify escapes only C0 control characters. But Python's
 * `splitlines` (used by httpx and many log readers) also ends lines at NEL, U+2028 and U+2029, and terminals interpret
 * C1 characters as commands.
 */
const breaking = /[\u007f-\u009f\u2028\u2029]/;
const allBreaking = new RegExp(breaking, 'g');

/** Returns the same JSON: the escaped characters can only occur in strings. */
export function oneLine(json: string): string {
  return breaking.test(json) ? json.replaceAll(allBreaking, escaped) : json;
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
