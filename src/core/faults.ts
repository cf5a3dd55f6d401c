/**
 * From a schema's complaints to faults that a person can mend: field, the value as given, what is allowed.
 */
import type { z } from 'zod';
import type { Fault } from './errors.ts';

/** Every problem of `error`, with the value that `input` holds at its path. Names that hold secrets show no value. */
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
    faults.push({ field: issue.path.join('.'), value: shown(issue.path, input), allowed: allowed(issue) });
  }
  return faults;
}

function allowed(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'too_small':
      return issue.origin === 'string' || issue.origin === 'array'
        ? `a length of ${issue.minimum} or more`
        : `${issue.minimum} or more`;
    case 'too_big':
      return issue.origin === 'string' || issue.origin === 'array'
        ? `a length of ${issue.maximum} or less`
        : `${issue.maximum} or less`;
    case 'invalid_value':
      return issue.values.map(String).join(', ');
    case 'invalid_type':
      return issue.expected === 'int' ? 'a whole number' : `a value of type ${issue.expected}`;
    default:
      return issue.message;
  }
}

function shown(path: readonly PropertyKey[], input: unknown): string {
  let value: unknown = input;
  for (const step of path) {
    if (value === null || typeof value !== 'object') return 'missing';
    value = Object.hasOwn(value, step) ? (value as Record<PropertyKey, unknown>)[step] : undefined;
  }
  if (value === undefined) return 'missing';
  if (path.some((step) => /key|secret|token|password/i.test(String(step))))
    return 'a value that is not shown';
  const text = withoutSecretsOfUrls(JSON.stringify(value) ?? String(value));
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** A URL with a password or a key in its query is refused, and the refusal must not repeat it. */
function withoutSecretsOfUrls(text: string): string {
  return text
    .replaceAll(/([a-z][a-z0-9+.-]*:\/*)[^/"\s]*@/gi, '$1...@')
    .replaceAll(/([a-z][a-z0-9+.-]*:\/[^?#"\s]*[?#])[^"\s]*/gi, '$1...');
}
