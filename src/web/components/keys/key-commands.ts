/** The commands that do what the buttons of the page *Keys* do. */
import { shellWord } from '../../../core/shell-word.ts';
import type { Key } from '../../api/client.ts';
import type { KeyFields } from './key-fields.ts';

export type KeyVerb = 'pause' | 'resume' | 'revoke';

/** One line for each key. */
export function verbCommand(verb: KeyVerb, keys: readonly Pick<Key, 'id'>[]): string {
  return keys.map(({ id }) => ['flm key', verb, id].join(' ')).join('\n');
}

export function rotateCommand({ id }: Pick<Key, 'id'>, overlapSeconds: number): string {
  const overlap = overlapSeconds === 0 ? '' : ` --overlap ${overlapSeconds / 3_600}h`;
  return `flm key rotate ${id}${overlap}`;
}

export const importCommand = 'flm key import FILE.csv > secrets.csv';

export function createCommand(fields: KeyFields): string {
  const label = fields.label === '' ? 'LABEL' : shellWord(fields.label);
  return ['flm key create', label, ...flagsOf(fields, undefined)].join(' ');
}

export function shareCommand(fields: KeyFields, validity: string): string {
  const label = fields.label === '' ? 'LABEL' : shellWord(fields.label);
  return ['flm share', label, ...flagsOf(fields, undefined), '--for', validity].join(' ');
}

/** Only what differs from the key. */
export function changeCommand(key: Key, fields: KeyFields, before: KeyFields): string {
  const label = fields.label === before.label ? [] : [`--label ${shellWord(fields.label)}`];
  return ['flm key set', key.id, ...label, ...flagsOf(fields, before)].join(' ');
}

const flags: readonly (readonly [field: keyof KeyFields, flag: string])[] = [
  ['owner', 'owner'],
  ['note', 'note'],
  ['scopes', 'scope'],
  ['models', 'model'],
  ['engines', 'engine'],
  ['endpoints', 'endpoint'],
  ['addresses', 'ip'],
  ['requestsPerMinute', 'rpm'],
  ['burst', 'burst'],
  ['tokensPerMinute', 'tpm'],
  ['tokensPerDay', 'tokens-per-day'],
  ['concurrency', 'concurrency'],
  ['expiresAt', 'expires'],
];

function flagsOf(fields: KeyFields, before: KeyFields | undefined): readonly string[] {
  return flags.flatMap(([field, flag]) => {
    const values = listed(fields[field]);
    const old = before === undefined ? [] : listed(before[field]);
    if (values.join('\n') === old.join('\n')) return [];
    if (values.length === 0) return [`--clear ${flag}`];
    // A new key has this scope.
    if (before === undefined && field === 'scopes' && values.join() === 'inference') return [];
    return values.map((value) => `--${flag} ${shellWord(value)}`);
  });
}

function listed(value: KeyFields[keyof KeyFields]): readonly string[] {
  if (value === null || value === '') return [];
  return Array.isArray(value) ? value : [String(value)];
}
