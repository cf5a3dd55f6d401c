/** A folder for certificates with its store, and machines by name, for tests of src/tls. Removed after the test. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import { CertificateStore } from '../../src/tls/certificate-store.ts';
import type { MachineNames } from '../../src/tls/server-names.ts';

export interface CertificateFolder {
  readonly folder: string;
  readonly store: CertificateStore;
}

export function certificateFolder(t: TestContext, clock: Clock = systemClock): CertificateFolder {
  const parent = mkdtempSync(join(tmpdir(), 'flm-tls-'));
  t.after(() => rmSync(parent, { recursive: true, force: true }));
  const folder = join(parent, 'tls');
  return { folder, store: new CertificateStore(folder, clock) };
}

export function machineNamed(parts: Partial<MachineNames> = {}): MachineNames {
  return { hostname: 'test-host', fullName: undefined, addresses: [], ...parts };
}
