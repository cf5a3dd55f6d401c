/**
 * Encrypts and decrypts in the age format (age-encryption.org/v1), which the program `age` reads too. Import this file
 * only when needed: it loads the package.
 */
import { Readable } from 'node:stream';
import { Decrypter, Encrypter, generateX25519Identity, identityToRecipient } from 'age-encryption';

export type AgeLock = { readonly passphrase: string } | { readonly recipients: readonly string[] };
export interface AgeKeys {
  readonly passphrase?: string | undefined;
  readonly identities?: readonly string[] | undefined;
}

/** False if the text is no recipient. */
export function isRecipient(text: string): boolean {
  try {
    new Encrypter().addRecipient(text);
    return true;
  } catch {
    return false;
  }
}

/** False if the text is no identity. */
export function isIdentity(text: string): boolean {
  try {
    new Decrypter().addIdentity(text);
    return true;
  } catch {
    return false;
  }
}

export interface AgeKeyPair {
  /** Secret. */
  readonly identity: string;
  readonly recipient: string;
}

export async function newAgeKey(): Promise<AgeKeyPair> {
  const identity = await generateX25519Identity();
  return { identity, recipient: await identityToRecipient(identity) };
}

export async function encrypted(
  source: AsyncIterable<Buffer>,
  lock: AgeLock,
): Promise<AsyncIterable<Buffer>> {
  const encrypter = new Encrypter();
  if ('passphrase' in lock) encrypter.setPassphrase(lock.passphrase);
  else for (const recipient of lock.recipients) encrypter.addRecipient(recipient);
  return buffers(await encrypter.encrypt(webStream(source)));
}

/** Rejects if no key fits. A change of the content is an error of the stream. */
export async function decrypted(
  source: AsyncIterable<Buffer>,
  keys: AgeKeys,
): Promise<AsyncIterable<Buffer>> {
  const decrypter = new Decrypter();
  if (keys.passphrase !== undefined) decrypter.addPassphrase(keys.passphrase);
  for (const identity of keys.identities ?? []) decrypter.addIdentity(identity);
  return buffers(await decrypter.decrypt(webStream(source)));
}

function webStream(source: AsyncIterable<Buffer>): globalThis.ReadableStream<Uint8Array> {
  // Node's type of a web stream and that of the DOM, which the package uses, describe the same class.
  return Readable.toWeb(
    Readable.from(source, { objectMode: false }),
  ) as globalThis.ReadableStream<Uint8Array>;
}

async function* buffers(stream: globalThis.ReadableStream<Uint8Array>): AsyncGenerator<Buffer> {
  for await (const piece of stream) yield Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
}
