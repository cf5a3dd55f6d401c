/**
 * Keeps request heads from outliving their requests, against two habits of V8. A slice of a string is a view that holds
 * the whole string in memory: one host name that a connection remembers would hold a head with its credential. And the
 * last text that any pattern matched is remembered for `RegExp.input`.
 */

/** The same text, in memory of its own. It must be Latin-1, as everything in a request head is. */
export function ownCopy(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}

const anything = /(?:)/;

/** Lets V8 forget the text that was matched last. */
export function forgetLastMatch(): void {
  anything.test('');
}
