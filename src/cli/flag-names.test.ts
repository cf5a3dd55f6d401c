import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command } from 'commander';
import { addConfigFlags, overridesOf } from './config-flags.ts';
import { flagOf } from './flag-names.ts';

/** The paths of all values: `acme.email`, `engines.0.url`. */
function paths(value: unknown, path: readonly string[] = []): readonly string[] {
  if (typeof value !== 'object' || value === null) return [path.join('.')];
  return Object.entries(value).flatMap(([name, part]) => paths(part, [...path, name]));
}

test('each setting that a flag of a proxy gives leads back to that flag', () => {
  for (const { long, required, variadic, parseArg } of addConfigFlags(new Command()).options) {
    const name = (long ?? '').slice(2).replaceAll(/-[a-z]/g, (part) => part.slice(1).toUpperCase());
    const given = parseArg !== undefined || variadic ? ['x'] : required ? '1' : true;
    const fields = paths(overridesOf({ [name]: given }));
    assert.deepEqual(fields.map(flagOf), [long], fields.join());
  }
});
