/**
 * Turns the errors of a schema into faults that a user can fix: the field, its value, and the allowed values.
 */
import type { z } from 'zod';
import { type Fault, maxFaults } from './errors.ts';

/** How much of a value is shown and read. With a YAML alias a small file can hold a value of any size. */
const maxShown = 80;
const maxRead = 400;

/**
 * Returns every problem of `error`, with the value of `input` at its path. The values of secret fields are not shown.
 */
export function faultsOf(error: z.ZodError, input: unknown): Fault[] {
  const faults: Fault[] = [];
  for (const issue of error.issues) {
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) {
        faults.push({
          field: [...issue.path, key].join('.'),
          value: 'an unknown field',
          allowed: 'only the documented fields',
        });
      }
      continue;
    }
    // Beyond the limit, faults are only counted.
    const value = faults.length < maxFaults ? shown(issue.path, input) : '';
    faults.push({ field: issue.path.join('.'), value, allowed: allowed(issue) });
  }
  return faults;
}

function allowed(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'too_small':
      return issue.origin === 'string' || issue.origin === 'array'
        ? `${countOf(Number(issue.minimum), issue.origin)} or more`
        : `${issue.minimum} or more`;
    case 'too_big':
      return issue.origin === 'string' || issue.origin === 'array'
        ? `${countOf(Number(issue.maximum), issue.origin)} or less`
        : `${issue.maximum} or less`;
    case 'invalid_value':
      return issue.values.map(String).join(', ');
    case 'invalid_key':
      return issue.issues[0] === undefined ? issue.message : allowed(issue.issues[0]);
    case 'invalid_type':
      return typeNames[issue.expected] ?? `a value of type ${issue.expected}`;
    default:
      return issue.message;
  }
}

const typeNames: Readonly<Record<string, string>> = {
  int: 'a whole number',
  number: 'a number',
  string: 'text',
  boolean: 'true or false',
  array: 'a list',
  object: 'fields with values',
};

function countOf(count: number, of: string): string {
  if (of === 'string') return count === 1 ? '1 character' : `${count} characters`;
  return count === 1 ? '1 entry' : `${count} entries`;
}

function shown(path: readonly PropertyKey[], input: unknown): string {
  let value: unknown = input;
  for (const step of path) {
    if (value === null || typeof value !== 'object') return 'missing';
    value = Object.hasOwn(value, step) ? (value as Record<PropertyKey, unknown>)[step] : undefined;
  }
  if (value === undefined) return 'missing';
  if (path.some((step, at) => isSecretName(step) && !isListOfKeys(path, at)))
    return 'a value that is not shown';
  const json = jsonStart(value, maxRead);
  // The cut-off text might hold the rest of a password and its `@`.
  const text = withoutSecrets(json.length < maxRead ? json : `${json.slice(0, maxRead)}@`);
  return text.length > maxShown ? `${text.slice(0, maxShown - 3)}...` : text;
}

function isSecretName(step: PropertyKey): boolean {
  return /key|secret|token|password|digest/i.test(String(step));
}

/** `keys.0.label` is a field of an entry; `keys.0` may be a secret in the place of an entry. */
function isListOfKeys(path: readonly PropertyKey[], at: number): boolean {
  return path[at] === 'keys' && typeof path[at + 1] === 'number' && path.length > at + 2;
}

/** The JSON text of the value, or a prefix of it that has at least this length. */
function jsonStart(value: unknown, length: number): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, length));
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? String(value);
  const isList = Array.isArray(value);
  let text = isList ? '[' : '{';
  for (const name in value) {
    if (!Object.hasOwn(value, name)) continue;
    if (text.length > 1) text += ',';
    if (text.length >= length) return text;
    if (!isList) text += `${jsonStart(name, length - text.length)}:`;
    text += jsonStart((value as Readonly<Record<string, unknown>>)[name], length - text.length);
  }
  return `${text}${isList ? ']' : '}'}`;
}

/**
 * Removes secrets of URLs, and keys of flm. A URL with a password or a key in its query is refused, and the error must
 * not repeat it.
 */
function withoutSecrets(text: string): string {
  return text
    .replaceAll(/flm_[0-9A-Za-z]{8,}/g, 'flm_...')
    .replaceAll(/([a-z][a-z0-9+.-]{0,20}:\/*)[^/"\s]*@/gi, '$1...@')
    .replaceAll(/([a-z][a-z0-9+.-]{0,20}:\/[^?#"\s]*[?#])[^"\s]*/gi, '$1...');
}
