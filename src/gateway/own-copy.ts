/**
 * Copies a short piece of a request that outlives it. V8 keeps a slice as a view of the string that it was cut from, so
 * one host name that a connection remembers would hold a whole request head in memory.
 */

/** The same text, in memory of its own. It must be Latin-1, as everything in a request head is. */
export function ownCopy(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}
