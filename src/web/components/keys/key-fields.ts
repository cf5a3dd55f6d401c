/** What the form of a key holds, and what the API reads and writes. */
import type { Key } from '../../api/client.ts';
import { serverClock } from '../../api/server-clock.ts';

export interface KeyFields {
  readonly label: string;
  readonly owner: string;
  readonly note: string;
  readonly scopes: readonly string[];
  readonly models: readonly string[];
  readonly engines: readonly string[];
  readonly endpoints: readonly string[];
  readonly addresses: readonly string[];
  readonly requestsPerMinute: number | null;
  readonly burst: number | null;
  readonly tokensPerMinute: number | null;
  readonly tokensPerDay: number | null;
  readonly concurrency: number | null;
  readonly expiresAt: string | null;
}

export const limitNames = [
  'requestsPerMinute',
  'burst',
  'tokensPerMinute',
  'tokensPerDay',
  'concurrency',
] as const;
export const listNames = ['engines', 'endpoints', 'addresses'] as const;

export const emptyFields: KeyFields = {
  label: '',
  owner: '',
  note: '',
  scopes: ['inference'],
  models: [],
  engines: [],
  endpoints: [],
  addresses: [],
  requestsPerMinute: null,
  burst: null,
  tokensPerMinute: null,
  tokensPerDay: null,
  concurrency: null,
  expiresAt: null,
};

export function fieldsOf(key: Key): KeyFields {
  const { label, owner, note, scopes, models, engines, endpoints, addresses, limits, expiresAt } = key;
  const lists = { scopes, models, engines, endpoints, addresses };
  return { label, owner: owner ?? '', note: note ?? '', ...lists, ...limits, expiresAt };
}

/** `before` keeps the exact time of an expiry whose day did not change. */
export function fieldsOfForm(form: FormData, before: KeyFields): KeyFields {
  const text = (name: string): string => String(form.get(name) ?? '').trim();
  const number = (name: string): number | null => (text(name) === '' ? null : Number(text(name)));
  const list = (name: string): readonly string[] =>
    text(name)
      .split(/[,;\n]/)
      .map((item) => item.trim())
      .filter((item) => item !== '');
  const day = text('expires');
  return {
    label: text('label'),
    owner: text('owner'),
    note: text('note').replaceAll('\r\n', '\n'),
    scopes: form.getAll('scope').map(String),
    models: list('models'),
    engines: list('engines'),
    endpoints: list('endpoints'),
    addresses: list('addresses'),
    requestsPerMinute: number('requestsPerMinute'),
    burst: number('burst'),
    tokensPerMinute: number('tokensPerMinute'),
    tokensPerDay: number('tokensPerDay'),
    concurrency: number('concurrency'),
    expiresAt: day === dayOf(before.expiresAt) ? before.expiresAt : endOfDay(day),
  };
}

export function documentOf({ owner, note, expiresAt, ...fields }: KeyFields): object {
  const { requestsPerMinute, burst, tokensPerMinute, tokensPerDay, concurrency, ...lists } = fields;
  return {
    ...lists,
    owner: owner === '' ? null : owner,
    note: note === '' ? null : note,
    limits: { requestsPerMinute, burst, tokensPerMinute, tokensPerDay, concurrency },
    expiresAt,
  };
}

/** The day in the reader's time zone, as a date field has it. */
export function dayOf(iso: string | null): string {
  if (iso === null) return '';
  const at = new Date(iso);
  const two = (n: number): string => String(n).padStart(2, '0');
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

function endOfDay(day: string): string | null {
  return day === '' ? null : new Date(`${day}T23:59:59`).toISOString();
}

export type State = 'active' | 'paused' | 'expired' | 'revoked';

export function stateOf({ revokedAt, expiresAt, pausedAt }: Key): State {
  if (revokedAt !== null) return 'revoked';
  if (expiresAt !== null && Date.parse(expiresAt) <= serverClock.nowMs()) return 'expired';
  return pausedAt === null ? 'active' : 'paused';
}
