/**
 * Prevents V8 from keeping request heads in memory after their requests. A slice of a string is a view that keeps the
 * whole string alive: one host name stored for a connection would keep a head with its credential. V8 also keeps the
 * last text that any pattern matched, for `RegExp.input`.
 */

const beyondLatin1 = /[^\0-\xff]/;

/** Returns the same text in its own memory. The text must be Latin-1, as all request heads are. */
export function detachString(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}

/** The same for any text. */
export function detachAnyString(text: string): string {
  return beyondLatin1.test(text) ? Buffer.from(text, 'utf16le').toString('utf16le') : detachString(text);
}

const anything = /(?:)/;

/** Makes V8 drop the text that was matched last. */
export function clearLastMatch(): void {
  anything.test('');
}
