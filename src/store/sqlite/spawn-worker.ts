/**
 * Starts the store thread: from the sources as they are; from dist/ with the code that the bundler put in place of the URL
 * below (scripts/bundle.mjs), so that no file is read.
 */
import { Worker } from 'node:worker_threads';
import type { ThreadStart } from './thread-messages.ts';

export type SpawnWorker = (start: ThreadStart) => Worker;

export function spawnStoreWorker(start: ThreadStart): Worker {
  return new Worker(storeWorkerUrl(), {
    name: 'flm-store',
    workerData: start,
    // It needs nothing of the environment and of the flags that the proxy was started with.
    env: {},
    execArgv: ['--disable-warning=ExperimentalWarning'],
    // One that runs out of memory ends alone and is started again.
    resourceLimits: { maxOldGenerationSizeMb: 512 },
  });
}

function storeWorkerUrl(): URL {
  return new URL('./worker.ts', import.meta.url);
}
