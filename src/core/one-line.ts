/**
 * JSON on one line for every reader. JSON.stringify escapes C0 alone, but Python's `splitlines` (httpx and many a log
 * reader) also ends lines at NEL and at U+2028 and U+2029, and a terminal takes C1 for commands.
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
