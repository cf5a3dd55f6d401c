/** A CA for client certificates, good and bad ones, for tests of mutual TLS. */
import 'reflect-metadata';
import { KeyObject, webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  X509CertificateGenerator,
  X509CrlGenerator,
} from '@peculiar/x509';

export interface ClientPair {
  readonly key: string;
  readonly cert: string;
}

export interface ClientCertificates {
  readonly ca: string;
  /** Names the certificate `revoked`. */
  readonly crl: string;
  readonly good: ClientPair;
  readonly expired: ClientPair;
  readonly revoked: ClientPair;
  /** For servers. */
  readonly wrongUse: ClientPair;
}

const dayMs = 86_400_000;
const ecdsa = { name: 'ECDSA', namedCurve: 'P-256' };
const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' };
const makeKeys = () => webcrypto.subtle.generateKey(ecdsa, true, ['sign', 'verify']);

export async function clientCertificates(): Promise<ClientCertificates> {
  const caKeys = await makeKeys();
  const name = [{ CN: ['client CA'] }];
  const from = (days: number): Date => new Date(Date.now() + days * dayMs);
  const ca = await X509CertificateGenerator.createSelfSigned({
    name,
    keys: caKeys,
    notBefore: from(-30),
    notAfter: from(30),
    signingAlgorithm,
    extensions: [new BasicConstraintsExtension(true, undefined, true)],
  });
  const issue = async (title: string, usage: ExtendedKeyUsage, untilDays: number) => {
    const keys = await makeKeys();
    const certificate = await X509CertificateGenerator.create({
      subject: [{ CN: [title] }],
      issuer: name,
      notBefore: from(-20),
      notAfter: from(untilDays),
      publicKey: keys.publicKey,
      signingKey: caKeys.privateKey,
      signingAlgorithm,
      extensions: [new ExtendedKeyUsageExtension([usage])],
    });
    const key = KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' }).toString();
    return { certificate, pair: { key, cert: certificate.toString('pem') } };
  };
  const { clientAuth, serverAuth } = ExtendedKeyUsage;
  const [good, expired, revoked, wrongUse] = await Promise.all([
    issue('good', clientAuth, 20),
    issue('expired', clientAuth, -10),
    issue('revoked', clientAuth, 20),
    issue('wrong', serverAuth, 20),
  ]);
  const revokedSerial = revoked.certificate.serialNumber;
  const crl = await X509CrlGenerator.create({
    issuer: ca.subjectName.toJSON(),
    thisUpdate: from(-1),
    nextUpdate: from(20),
    entries: [{ serialNumber: revokedSerial, revocationDate: from(-1) }],
    signingAlgorithm,
    signingKey: caKeys.privateKey,
  });
  return {
    ca: ca.toString('pem'),
    // OpenSSL knows no other label.
    crl: crl.toString('pem').replaceAll(/(BEGIN|END) CRL/g, '$1 X509 CRL'),
    good: good.pair,
    expired: expired.pair,
    revoked: revoked.pair,
    wrongUse: wrongUse.pair,
  };
}
