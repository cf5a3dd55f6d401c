/**
 * Reads the client certificate given to a command, for a proxy that requires one (`--client-ca`).
 */
import { readFile } from 'node:fs/promises';
import { ProxyError } from '../core/errors.ts';
import { expiryMsOf, readPair } from '../tls/certificate-pair.ts';

/** Certificate and key in PEM; intermediate certificates may follow the certificate. */
export interface ClientIdentity {
  readonly cert: string;
  readonly key: string;
}

/** Reads both; the certificate's file may also contain the key. Throws a `ProxyError` FILE_UNUSABLE. */
export async function readClientIdentity(
  certFile: string,
  keyFile: string | undefined,
  nowMs: number,
): Promise<ClientIdentity> {
  const key = keyFile === undefined ? '' : await textOf(keyFile);
  const pair = readPair(`${key}\n${await textOf(certFile)}`);
  if (typeof pair === 'string') {
    const files = keyFile === undefined ? certFile : `${certFile} with ${keyFile}`;
    const more = keyFile === undefined ? '; the key may be named with --client-key' : '';
    throw unusable(files, 'used', `it ${pair}${more}`);
  }
  if (expiryMsOf(pair.certificate) <= nowMs) throw unusable(certFile, 'used', 'its certificate has expired');
  return { cert: pair.chain, key: pair.key };
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'latin1');
  } catch (cause) {
    throw unusable(file, 'read', cause instanceof Error && 'code' in cause ? String(cause.code) : '', cause);
  }
}

function unusable(file: string, done: string, reason: string, cause?: unknown): ProxyError {
  return new ProxyError('FILE_UNUSABLE', { params: { file, done, reason }, cause });
}
