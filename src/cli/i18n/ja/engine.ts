/** Texts of `flm engine list` and `detect`. */
import type { CliCatalogue } from '../catalogue.ts';

export const engine: CliCatalogue['engine'] = {
  columns: {
    id: 'ID',
    state: 'STATE',
    kind: 'KIND',
    address: 'ADDRESS',
    latency: 'LATENCY',
    busy: 'BUSY',
    from: 'FROM',
    models: 'MODELS',
  },
  none: 'No engine is saved. flm finds engines on this machine automatically (`flm engine detect`); add others with `flm engine add URL`.',
  busy: (taken: number, slots: number): string => `${taken} of ${slots}`,
  waiting: (count: number): string => `${count} ${count === 1 ? 'waits' : 'wait'}`,
  moreModels: (shown: string, more: number): string => `${shown} and ${more} more`,
};
