/** Texts of `flm key list` and `flm key show`. */
import type { CliCatalogue } from '../catalogue.ts';

export const key: CliCatalogue['key'] = {
  columns: {
    label: 'LABEL',
    owner: 'OWNER',
    id: 'ID',
    key: 'KEY',
    state: 'STATE',
    scopes: 'SCOPES',
    expires: 'EXPIRES',
    lastUsed: 'LAST USED',
    limits: 'LIMITS',
  },
  none: 'There are no keys. Make one with `flm key create LABEL`.',
  noMatch: (all: number): string => `None of the ${all} keys matches.`,
  states: { active: 'active', paused: 'paused', expired: 'expired', revoked: 'revoked' },
  never: 'never',
  unknown: 'unknown',
  noLimits: 'none',
  lists: { models: 'models', engines: 'engines', endpoints: 'endpoints', addresses: 'from' },
  requestsPerMinute: (count: string, burst: string | undefined): string =>
    `${count} req/min${burst === undefined ? '' : `, burst ${burst}`}`,
  tokensPerMinute: (count: string): string => `${count} tok/min`,
  tokensPerDay: (count: string): string => `${count} tok/day`,
  concurrency: (count: string): string => `${count} at a time`,
  facts: {
    id: 'id',
    label: 'label',
    owner: 'owner',
    note: 'note',
    key: 'key',
    state: 'state',
    created: 'created',
    expires: 'expires',
    lastUsed: 'last used',
    scopes: 'scopes',
    limits: 'limits',
    used: 'used',
  },
  usedFrom: (when: string, address: string): string => `${when} from ${address}`,
  unknownUse: (problem: string): string => `The last use of keys is unknown: ${problem}`,
  advice: {
    expires: (name: string, at: string, id: string): string =>
      `${name} expires on ${at}; move that: flm key set ${id} --expires 90d, or make its successor: flm key rotate ${id} --overlap 7d`,
    idle: (name: string, days: number, id: string): string =>
      `${name} was not used in ${days} days; revoke it: flm key revoke ${id}`,
    sharedLabel: (ids: string, label: string, first: string): string =>
      `${ids} have the same label ${label}; change one: flm key set ${first} --label LABEL`,
  },
};
