/** Texts of `flm requests`. */
import type { RequestState } from '../../../core/proxy/running-request.ts';

export const requests = {
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
  } satisfies Record<RequestState, string>,
  place: (position: number): string => `, place ${position}`,
  none: 'No request runs now. `flm tail` shows requests as they end.',
  noneRecent: 'No request has ended since the proxies started.',
  noneRecentOf: (key: string): string => `No request of ${key} has ended since the proxies started.`,
  estimated: '~ is an estimate.',
  cancelled: (id: string, key: string, model: string): string =>
    `Cancelled ${id} of ${key} (${model}). Its client got the error REQUEST_CANCELLED.`,
  help: {
    requests: 'list the requests that run, or cancel one',
    recent: 'list the last 200 requests that ended, newest last; proxies keep them in memory only',
    cancel: 'end a running request; its client gets an error',
  },
  arguments: { request: 'the id of the request, from `flm requests` or the header x-request-id' },
  options: { key: 'only the last 200 requests of this key: its id, label or prefix' },
};
