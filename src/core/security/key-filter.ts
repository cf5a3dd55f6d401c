/** Selects and sorts keys, for `flm key list` and the admin API. */
import { type KeyState, keyState } from './api-key.ts';
import type { ListedKey } from './security-service.ts';

export interface KeyFilter {
  /** Part of a label, owner, id or prefix; case is ignored. */
  readonly search?: string | undefined;
  readonly state?: KeyState | undefined;
  /** The whole owner; case is ignored. An empty text: keys without an owner. */
  readonly owner?: string | undefined;
}

export const keyOrders = ['created', 'label', 'owner', 'state', 'expires', 'last-used'] as const;
export type KeyOrder = (typeof keyOrders)[number];

/** In the same order. */
export function filterKeys(
  keys: readonly ListedKey[],
  filter: KeyFilter,
  nowMs: number,
): readonly ListedKey[] {
  const search = filter.search?.toLowerCase() ?? '';
  const owner = filter.owner?.toLowerCase();
  return keys.filter(
    ({ record }) =>
      (filter.state === undefined || keyState(record, nowMs) === filter.state) &&
      (owner === undefined || (record.owner ?? '').toLowerCase() === owner) &&
      (search === '' ||
        [record.label, record.owner ?? '', record.id, record.prefix].some((text) =>
          text.toLowerCase().includes(search),
        )),
  );
}

const states: Readonly<Record<KeyState, number>> = { active: 0, paused: 1, expired: 2, revoked: 3 };

/** `keys` are oldest first; keys that are equal in this order stay so. Keys without a value come last. */
export function sortKeys(
  keys: readonly ListedKey[],
  order: KeyOrder,
  descending: boolean,
  nowMs: number,
): readonly ListedKey[] {
  const sign = descending ? -1 : 1;
  const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });
  const withValue = keys.map((key) => ({ key, value: orderValue(key, order, nowMs) }));
  return withValue
    .sort(({ value: a }, { value: b }) => {
      if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
      return sign * (typeof a === 'string' ? collator.compare(a, String(b)) : a - Number(b));
    })
    .map(({ key }) => key);
}

function orderValue(
  { record, lastUse }: ListedKey,
  order: KeyOrder,
  nowMs: number,
): string | number | undefined {
  switch (order) {
    case 'created':
      return record.createdAtMs;
    case 'label':
      return record.label;
    case 'owner':
      return record.owner ?? undefined;
    case 'state':
      return states[keyState(record, nowMs)];
    case 'expires':
      return record.expiresAtMs ?? undefined;
    case 'last-used':
      return lastUse?.atMs;
    default:
      return order satisfies never;
  }
}
