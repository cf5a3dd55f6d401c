/**
 * Turns configured engines (saved, in a profile, by a flag) into sources for the engine service, each with the
 * canonical address, the value of the key, and a unique id.
 */
import { X509Certificate } from 'node:crypto';
import type { EngineRecord, EngineRef, SecretRef } from '../core/engine/engine.ts';
import type { EngineSource } from '../core/engine/engine-watch.ts';
import type { EngineKindName } from '../core/engine/kinds.ts';
import { EngineError } from '../core/errors.ts';
import type { EngineConfig } from '../core/proxy/proxy-config.ts';
import { parseEngineUrl } from './engine-url.ts';

/** Returns the value behind a reference; undefined if there is none. */
export type ReadSecret = (secret: SecretRef) => string | undefined;

/** Throws an `EngineError` ENGINE_INVALID if its key or its CA is missing or cannot be used. */
export function sourceOfRecord(record: EngineRecord, readSecret: ReadSecret): EngineSource {
  return sourceOf({ ...record, origin: 'saved' }, readSecret);
}

/** The engines of a flag or a profile, in their order. Throws like `sourceOfRecord`. */
export function sourcesOfConfig(
  engines: readonly EngineConfig[],
  origin: 'flag' | 'profile',
  readSecret: ReadSecret,
): readonly EngineSource[] {
  const taken = new Set(engines.flatMap((e) => e.id ?? []));
  return engines.map((engine) => {
    const id = engine.id ?? freeIdOf(engine, taken);
    taken.add(id);
    return sourceOf({ ...engine, id, origin }, readSecret);
  });
}

interface NamedEngine {
  readonly id: string;
  readonly url: string;
  readonly kind?: EngineKindName | undefined;
  readonly apiKey?: SecretRef | undefined;
  readonly slots?: number | undefined;
  readonly caFile?: string | undefined;
  readonly origin: EngineRef['origin'];
}

function sourceOf(named: NamedEngine, readSecret: ReadSecret): EngineSource {
  const { url, address } = parseEngineUrl(named.url);
  const apiKey = named.apiKey === undefined ? undefined : keyOf(named.id, named.apiKey, readSecret);
  const authority = authorityOf(named, address.tls, readSecret);
  return {
    kindKnown: named.kind !== undefined,
    ref: {
      id: named.id,
      kind: named.kind ?? 'openai-compatible',
      url,
      address: authority === undefined ? address : { ...address, authority },
      origin: named.origin,
      ...(apiKey === undefined ? {} : { apiKey }),
      ...(named.slots === undefined ? {} : { slots: named.slots }),
    },
  };
}

/** Throws an `EngineError` ENGINE_INVALID. */
function authorityOf({ id, caFile }: NamedEngine, tls: boolean, readSecret: ReadSecret): string | undefined {
  if (caFile === undefined) return undefined;
  const invalid = (value: string, allowed: string): EngineError =>
    new EngineError('ENGINE_INVALID', { faults: [{ field: `engine ${id}: CA file`, value, allowed }] });
  // Ignoring the CA would silently skip a check that the user expects.
  if (!tls) throw invalid(caFile, 'no CA, unless the URL has https://');
  const pem = readSecret({ from: 'file', path: caFile });
  if (pem === undefined) throw invalid(caFile, 'a file that can be read');
  const certificates =
    pem.match(/-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g) ?? [];
  try {
    for (const certificate of certificates) new X509Certificate(certificate);
    if (certificates.length > 0) return certificates.join('\n');
  } catch {
    // Reported below.
  }
  throw invalid(caFile, 'a file with certificates in PEM');
}

function keyOf(id: string, secret: SecretRef, readSecret: ReadSecret): string {
  const key = readSecret(secret)?.trim();
  // RFC 9110, section 5.5: other characters could end the field or start another one.
  if (key !== undefined && /^[\x21-\x7e]+$/.test(key)) return key;
  const where =
    secret.from === 'env' ? `variable ${secret.name}` : secret.from === 'file' ? secret.path : 'the database';
  throw new EngineError('ENGINE_INVALID', {
    faults: [
      {
        field: `engine ${id}: key from ${where}`,
        value: key === undefined || key === '' ? 'missing' : 'a value that is not shown',
        allowed: 'visible ASCII characters without blanks',
      },
    ],
  });
}

/** `ollama`, or the host's first label and the port: `gpu-box-8000`. */
export function freeIdOf(engine: Pick<EngineConfig, 'url' | 'kind'>, taken: ReadonlySet<string>): string {
  const { address } = parseEngineUrl(engine.url);
  const stem = (engine.kind ?? address.host.replaceAll(/[^a-z0-9]+/gi, '-'))
    .toLowerCase()
    .replace(/^-+/, '')
    .slice(0, 22)
    .replace(/-+$/, '');
  const plain = engine.kind === undefined ? `${stem}-${address.port}` : stem;
  if (!taken.has(plain)) return plain;
  for (let n = 2; ; n++) if (!taken.has(`${plain}-${n}`)) return `${plain}-${n}`;
}
