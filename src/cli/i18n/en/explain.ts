/** Texts of `flm explain`. */
import type { RetryClass } from '../../../core/errors.ts';

export const explain = {
  help: 'explain an error, or why a request was refused',
  arguments: { name: 'error code, or the x-request-id of a response' },
  facts: {
    fix: 'to fix it',
    clients: 'for clients',
    retry: 'retry',
    exit: 'exit status',
    request: 'request',
    refused: 'refused',
    key: 'key',
    model: 'model',
    rule: 'rule',
    error: 'error',
  },
  forClients: (status: number, code: string | null): string =>
    `status ${status}${code === null ? '' : `, code ${code}`}`,
  exit: (status: 0 | 1 | 2, meaning: string): string => `${status} (${meaning})`,
  exits: { 0: 'done', 1: 'the user can fix it', 2: 'flm or the machine failed' },
  retries: {
    'never-sent': 'no engine has received the request; you can send it again',
    'maybe-sent': 'an engine may have received the request, so flm does not send it again',
    answered: 'the request got a response, which says what to do',
    'client-gone': 'the client has disconnected',
  } satisfies Readonly<Record<RetryClass, string>>,
  noKey: 'none that is valid',
  key: (id: string, label: string | null): string => `${id} (${label ?? 'no label'})`,
  request: (method: string, path: string, client: string): string => `${method} ${path} from ${client}`,
  noRequest: (client: string): string => `none was read from ${client}`,
  /** `status`: undefined if no response was sent. */
  refused: (at: string, proxy: string, status: number | undefined): string =>
    `${at} by ${proxy}${status === undefined ? '' : ` with status ${status}`}`,
  error: (code: string, text: string): string => `${code}: ${text}`,
};
