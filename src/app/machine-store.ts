/**
 * Opens the store of a running proxy: SQLite in the data folder, or PostgreSQL if FLM_DATABASE_URL names one. The code
 * for PostgreSQL is loaded only then, before the proxy is ready.
 */
import { join } from 'node:path';
import { processStart, processState } from '../process/process-identity.ts';
import { openProxyStore, openStoreThread } from '../store/sqlite/proxy-store.ts';
import type { ProxyStore } from '../store/store.ts';
import type { Machine } from './machine.ts';

/** Opens no file and connects to nothing. Throws STORE_SETTINGS_INVALID or STORE_KEY_UNUSABLE. */
export async function openMachineStore(machine: Machine): Promise<ProxyStore> {
  const { clock, hostname } = machine;
  const { home } = machine.paths;
  const { database, storeKeyFile, maxSnapshotAgeMs, nodeName } = machine.stores();
  if (database === undefined) return openProxyStore({ home, clock });
  const [{ openPostgresProxyStore }, { OutageJournal }] = await Promise.all([
    import('../store/postgres/proxy-store.ts'),
    import('../store/outage-journal.ts'),
  ]);
  return openPostgresProxyStore({
    postgres: { address: database, applicationName: `flm proxy ${nodeName}` },
    key: storeKeyFile,
    clock,
    local: openStoreThread({ home, clock }),
    maxSnapshotAgeMs,
    journal: new OutageJournal({
      folder: join(home, 'unwritten'),
      owner: { host: hostname, pid: process.pid, processStart: processStart(process.pid) },
      isGone: (owner) => processState(owner) === 'gone',
      nowMs: () => clock.nowMs(),
    }),
  });
}
