/** Texts of `flm requests`. */
import type { CliCatalogue } from '../catalogue.ts';

export const requests: CliCatalogue['requests'] = {
  columns: {
    id: 'ID',
    key: 'KEY',
    model: 'MODEL',
    engine: 'ENGINE',
    state: 'STATE',
    age: 'TIME',
    tokens: 'TOKENS',
    speed: 'TOK/S',
    client: 'CLIENT',
  },
  states: {
    receiving: 'receiving',
    waiting: 'waiting',
    processing: 'processing',
    streaming: 'streaming',
  },
  place: (position: number): string => `, place ${position}`,
  none: 'No request runs now. `flm tail` shows requests as they end.',
  noneRecent: 'No request has ended since the proxies started.',
  noneRecentOf: (key: string): string => `No request of ${key} has ended since the proxies started.`,
  estimated: '~ is an estimate.',
  cancelled: (id: string, key: string, model: string): string =>
    `Cancelled ${id} of ${key} (${model}). Its client got the error REQUEST_CANCELLED.`,
};
