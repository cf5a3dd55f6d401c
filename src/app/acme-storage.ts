/** Chooses where the certificates of ACME servers are kept. */
import type { SharedFiles } from '../core/shared-files.ts';
import type { CertificateStorage } from '../tls/certificate-storage.ts';
import { CertificateStore } from '../tls/certificate-store.ts';
import { SharedCertificateStore } from '../tls/shared-certificate-store.ts';
import type { Machine } from './machine.ts';

/** Returns the storage that machines with a common database share; without one, the files of the data folder. */
export function acmeStorage(machine: Machine, shared: SharedFiles | undefined): CertificateStorage {
  const { clock, secrets, paths } = machine;
  if (shared === undefined) return new CertificateStore(paths.tls, clock);
  return new SharedCertificateStore(shared, clock, () =>
    Buffer.from(secrets.randomBytes(16)).toString('hex'),
  );
}
