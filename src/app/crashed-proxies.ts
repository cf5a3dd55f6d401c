/** Proxies that ended without a stop, with the last sign of life in their logs. */
import { stat } from 'node:fs/promises';
import { type CrashDocument, crashDocument } from '../core/proxy/proxy-document.ts';
import type { Flm } from './flm.ts';

export async function crashesOf({
  proxies,
  machine,
}: Pick<Flm, 'proxies' | 'machine'>): Promise<readonly CrashDocument[]> {
  return Promise.all(
    (await proxies.crashed()).map(async (handle) => {
      const log = machine.paths.logFile(handle.profile);
      const writtenAtMs = await stat(log).then(
        ({ mtimeMs }) => mtimeMs,
        () => undefined,
      );
      return crashDocument(handle, log, writtenAtMs);
    }),
  );
}
