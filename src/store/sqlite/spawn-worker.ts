/**
 * Starts the store thread. From the sources the thread loads the file below. In dist/ the bundler has replaced the URL
 * by the code itself (scripts/bundle.mjs), so no file is read. As a `data:` URL the code would cost 13 MB more: the
 * thread would load and run the loader of modules for it.
 */
import { Worker } from 'node:worker_threads';
import { enterExistingFolder } from '../../files/existing-working-folder.ts';
import type { ThreadStart } from './thread-messages.ts';

export type SpawnWorker = (start: ThreadStart) => Worker;

export function spawnStoreWorker(start: ThreadStart): Worker {
  const program = storeWorkerProgram();
  enterExistingFolder();
  return new Worker(program, {
    name: 'flm-store',
    eval: typeof program === 'string',
    workerData: start,
    // The thread needs neither the environment nor the Node flags of the proxy.
    env: {},
    execArgv: ['--disable-warning=ExperimentalWarning'],
    // If the thread runs out of memory, only the thread ends, and it is started again.
    // A small young generation: what the thread allocates is short-lived, and its memory at rest is 1.3 MB less.
    resourceLimits: { maxOldGenerationSizeMb: 512, maxYoungGenerationSizeMb: 1 },
  });
}

function storeWorkerProgram(): URL | string {
  return new URL('./worker.ts', import.meta.url);
}
