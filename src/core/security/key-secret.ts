/**
 * Generates the secrets of keys; api-key.ts documents their form. Randomness and hash functions are passed in.
 */
/** The functions that the machine provides: secure random bytes, SHA-256 and CRC-32. */
export interface SecretTools {
  randomBytes(count: number): Uint8Array;
  /** Lower-case hex. */
  sha256Hex(text: string): string;
  /** As an unsigned number (ISO-HDLC, as zlib computes it). */
  crc32(text: string): number;
}

export interface FreshSecret {
  readonly id: string;
  /** The whole key; shown once, never stored. */
  readonly key: string;
  readonly digest: string;
  readonly prefix: string;
}

const secretLength = 43;
const checksumLength = 6;
const idLength = 12;
/** Enough to tell keys apart. */
export const issuedPrefixLength = 'flm_'.length + 4;
/** Of secrets that flm has not made. Enough to tell keys apart, too little to help an attacker. */
export const importedPrefixLength = 4;
const form = /^flm_([0-9A-Za-z]{43})([0-9A-Za-z]{6})$/;

export function freshSecret(tools: SecretTools): FreshSecret {
  const secret = base62(tools.randomBytes(32), secretLength);
  const key = `flm_${secret}${checksum(secret, tools)}`;
  return {
    id: `key_${base62(tools.randomBytes(9), idLength)}`,
    key,
    digest: tools.sha256Hex(key),
    prefix: key.slice(0, issuedPrefixLength),
  };
}

/** True if a text has the form and checksum of a key of flm; needs no database. */
export function looksLikeKey(text: string, tools: Pick<SecretTools, 'crc32'>): boolean {
  const match = form.exec(text);
  return match !== null && checksum(match[1] as string, tools) === match[2];
}

/** Six characters: a typo is found without a database. */
export function checksum(secret: string, tools: Pick<SecretTools, 'crc32'>): string {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, tools.crc32(secret));
  return base62(bytes, checksumLength);
}

/** Ids and secrets use letters and digits only: a double click selects them, and no shell changes them. */
const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** The bytes as one big-endian number in base 62, padded with zeros; at most the last `length` digits. */
export function base62(bytes: Uint8Array, length: number): string {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  let text = '';
  while (text.length < length) {
    text = alphabet[Number(value % 62n)] + text;
    value /= 62n;
  }
  return text;
}
