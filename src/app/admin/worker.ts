/**
 * The admin thread of a proxy: the admin API over the services that commands use. Only this thread opens SQLite for it, so
 * that a locked database or a large report never delays the data plane.
 */
import assert from 'node:assert/strict';
import { parentPort, workerData } from 'node:worker_threads';
import { AdminApi } from '../../admin/admin-api.ts';
import { adminServices } from '../admin-services.ts';
import { openFlm } from '../flm.ts';
import { AdminWorker } from './admin-worker.ts';
import type { AdminThreadStart } from './thread-messages.ts';

assert(parentPort !== null, 'the admin thread is started by a proxy');
// Set by `AdminThread`, which alone starts this file.
const start = workerData as AdminThreadStart;
new AdminWorker(parentPort, async (report) => {
  const flm = await openFlm(start);
  const ending = new AbortController();
  return {
    api: new AdminApi({
      services: adminServices(flm, ending.signal),
      clock: flm.machine.clock,
      onError: report,
    }),
    close: () => {
      ending.abort();
      return flm.close();
    },
  };
});
