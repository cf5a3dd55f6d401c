/**
 * Creates certificates. Only this file uses the X.509 library. The file is imported only when a certificate is created,
 * because loading takes a tenth of a second. Keys are ECDSA P-256: every client supports it, and a handshake costs a
 * fraction of one with RSA.
 */
// The library looks for this polyfill when it is loaded.
import 'reflect-metadata';
import { KeyObject, randomBytes, webcrypto } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import type { CertificatePair } from '../core/proxy/certificate-provider.ts';
import {
  encodeConstraints,
  isAddress,
  type NameConstraints,
  nameConstraintsOid,
} from './name-constraints.ts';

export interface Validity {
  readonly fromMs: number;
  readonly untilMs: number;
}

export interface AuthoritySpec {
  /** Common name, as users see it in the list of their system. */
  readonly title: string;
  readonly constraints: NameConstraints;
  readonly validity: Validity;
}

export interface LeafSpec {
  readonly title: string;
  /** Host names and addresses. */
  readonly names: readonly string[];
  readonly validity: Validity;
}

const keyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const signing = { name: 'ECDSA', hash: 'SHA-256' } as const;

/** Creates a CA that signs server certificates inside its constraints, and nothing else. */
export async function issueAuthority(spec: AuthoritySpec): Promise<CertificatePair> {
  const keys = await webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: subject(spec.title),
    issuer: subject(spec.title),
    notBefore: new Date(spec.validity.fromMs),
    notAfter: new Date(spec.validity.untilMs),
    publicKey: keys.publicKey,
    signingKey: keys.privateKey,
    signingAlgorithm: signing,
    extensions: [
      // It cannot issue further CAs.
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      // The constraints do not exclude mail and code signing, so the key usage does.
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new Extension(nameConstraintsOid, true, encodeConstraints(spec.constraints)),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { key: keyText(keys.privateKey), chain: `${certificate.toString('pem')}\n` };
}

/** Issues a server certificate. Does not check the constraints of the CA. */
export async function issueLeaf(spec: LeafSpec, authority: CertificatePair): Promise<CertificatePair> {
  const keys = await webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
  const issuer = new X509Certificate(authority.chain);
  const signingKey = await importKey(authority.key);
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: subject(spec.title),
    issuer: issuer.subjectName,
    notBefore: new Date(spec.validity.fromMs),
    notAfter: new Date(spec.validity.untilMs),
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: signing,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      alternativeNames(spec.names),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
  return { key: keyText(keys.privateKey), chain: `${certificate.toString('pem')}\n` };
}

/** Creates a certificate request for these names (PKCS #10, DER), and its key (PEM). */
export async function issueRequest(
  names: readonly string[],
): Promise<{ readonly key: string; readonly request: Buffer }> {
  const keys = await webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
  const request = await Pkcs10CertificateRequestGenerator.create({
    keys,
    signingAlgorithm: signing,
    extensions: [alternativeNames(names)],
  });
  return { key: keyText(keys.privateKey), request: Buffer.from(request.rawData) };
}

/** RFC 8737, section 3: self-signed, for one name, with the digest of the key authorization in a critical extension. */
export async function issueProof(name: string, digest: Buffer, validity: Validity): Promise<CertificatePair> {
  const keys = await webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: subject('flm acme-tls/1'),
    notBefore: new Date(validity.fromMs),
    notAfter: new Date(validity.untilMs),
    keys,
    signingAlgorithm: signing,
    extensions: [
      alternativeNames([name]),
      // id-pe-acmeIdentifier: an OCTET STRING of 32 bytes.
      new Extension('1.3.6.1.5.5.7.1.31', true, Buffer.concat([Buffer.from([0x04, 0x20]), digest])),
    ],
  });
  return { key: keyText(keys.privateKey), chain: `${certificate.toString('pem')}\n` };
}

/**
 * The id of a certificate in renewal information (RFC 9773, section 4.1); undefined if the certificate does not name the
 * key of its CA.
 */
export function renewalIdOf({ raw }: { readonly raw: Buffer }): string | undefined {
  const certificate = new X509Certificate(raw);
  const keyId = certificate.getExtension(AuthorityKeyIdentifierExtension)?.keyId;
  if (keyId === undefined) return undefined;
  const hex = certificate.serialNumber;
  const serial = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  // The bytes of a DER integer, which is positive here.
  const integer = (serial[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), serial]) : serial;
  return `${Buffer.from(keyId, 'hex').toString('base64url')}.${integer.toString('base64url')}`;
}

function alternativeNames(names: readonly string[]): SubjectAlternativeNameExtension {
  return new SubjectAlternativeNameExtension(
    names.map((value) => ({ type: isAddress(value) ? 'ip' : 'dns', value })),
  );
}

/** Passed as a structure, so that no character of a host name is special. */
function subject(title: string): { [type: string]: string[] }[] {
  return [{ O: ['flm'] }, { CN: [title] }];
}

/** RFC 5280, section 4.1.2.2: positive and at most 20 bytes; CAB Forum: 64 random bits or more. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}

function keyText(key: webcrypto.CryptoKey): string {
  return KeyObject.from(key).export({ type: 'pkcs8', format: 'pem' }).toString();
}

function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
  return webcrypto.subtle.importKey('pkcs8', der, keyAlgorithm, false, ['sign']);
}
