/**
 * Checks whether an imported secret is strong enough to be a key. flm stores only its SHA-256 digest, which protects a
 * secret only if it cannot be guessed.
 */

/** The token of RFC 6750, section 2.1: what a client can send as a bearer token. */
const token = /^[A-Za-z0-9._~+/-]+=*$/;
const minLength = 24;
const maxLength = 512;
/** Minimum entropy in bits. Words and patterns have far less. */
const minBits = 80;

/** Returns what a stronger secret needs; undefined if the secret is strong enough. */
export function weakness(secret: string): string | undefined {
  if (secret.length < minLength || secret.length > maxLength || !token.test(secret))
    return `${minLength} to ${maxLength} letters, digits and ._~+/-, without blanks`;
  if (bits(secret) < minBits || isRepeated(secret)) return 'a secret that nobody can guess, made at random';
  return undefined;
}

/** The entropy of the character frequencies, in bits; an upper bound of the work of an attacker. */
function bits(text: string): number {
  const counts = new Map<string, number>();
  for (const c of text) counts.set(c, (counts.get(c) ?? 0) + 1);
  let sum = 0;
  for (const count of counts.values()) sum -= count * Math.log2(count / text.length);
  return sum;
}

/** `abcdefabcdef...`, and runs such as `abcdefghij...` or `1234567890...`. */
function isRepeated(text: string): boolean {
  for (let period = 1; period <= text.length / 2; period++) {
    if (text.startsWith(text.slice(period))) return true;
  }
  let steps = 0;
  for (let i = 1; i < text.length; i++) {
    if (Math.abs(text.charCodeAt(i) - text.charCodeAt(i - 1)) <= 1) steps += 1;
  }
  return steps > text.length / 2;
}
