import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { ProxyError } from './errors.ts';
import { faultsOf } from './faults.ts';
import { parseProxyConfig } from './proxy/proxy-config.ts';

test('a refused URL is repeated without what opens the engine', () => {
  const urls = [
    'http://me:pass-secret@10.0.0.5:8000',
    'http://10.0.0.5:8000/v1?key=pass-secret',
    'https://10.0.0.5/#pass-secret',
    'http:pass-secret@host',
  ];
  for (const url of urls) {
    assert.throws(
      () => parseProxyConfig({ engines: [{ url }] }),
      (error: unknown) =>
        error instanceof ProxyError && !JSON.stringify([error.message, error.faults]).includes('pass-secret'),
      url,
    );
  }
});

const schema = z.strictObject({
  count: z.int().min(2).max(4),
  name: z.string().min(2).max(4),
  list: z.array(z.number()).max(1),
  kind: z.enum(['a', 'b']),
  apiKey: z.string().max(3),
  deep: z.strictObject({ list: z.array(z.strictObject({ id: z.string() })) }),
});
const good = { count: 2, name: 'ab', list: [], kind: 'a', apiKey: 'k', deep: { list: [] } };

function faultsFor(parts: object): ReturnType<typeof faultsOf> {
  const input = { ...good, ...parts };
  const parsed = schema.safeParse(input);
  assert.equal(parsed.success, false);
  return parsed.success ? [] : faultsOf(parsed.error, input);
}

test('a fault says where, what was there, and what is allowed', () => {
  const cases: readonly (readonly [object, string, string, string])[] = [
    [{ count: 1 }, 'count', '1', '2 or more'],
    [{ count: 5 }, 'count', '5', '4 or less'],
    [{ count: 2.5 }, 'count', '2.5', 'a whole number'],
    [{ count: '2' }, 'count', '"2"', 'a value of type number'],
    [{ count: undefined }, 'count', 'missing', 'a value of type number'],
    [{ name: 'a' }, 'name', '"a"', 'a length of 2 or more'],
    [{ list: [1, 2] }, 'list', '[1,2]', 'a length of 1 or less'],
    [{ kind: 'c' }, 'kind', '"c"', 'a, b'],
    [{ other: 1 }, 'other', 'an unknown field', 'only the documented fields'],
    [{ deep: { list: [{ id: 1 }] } }, 'deep.list.0.id', '1', 'a value of type string'],
    [
      { deep: { list: [{ id: '', x: 1 }] } },
      'deep.list.0.x',
      'an unknown field',
      'only the documented fields',
    ],
  ];
  for (const [parts, field, value, allowed] of cases)
    assert.deepEqual(faultsFor(parts), [{ field, value, allowed }]);
});

test('a value that is long is shortened, a secret is not shown at all', () => {
  assert.equal(faultsFor({ name: 'x'.repeat(1000) })[0]?.value.length, 80);
  assert.equal(faultsFor({ apiKey: 'secret' })[0]?.value, 'a value that is not shown');
});

test('what an object inherits is no value of it', () => {
  const input = Object.assign(Object.create({ count: 99 }), { ...good, count: undefined });
  const parsed = schema.safeParse(input);
  assert.equal(parsed.success || faultsOf(parsed.error, input)[0]?.value, 'missing');
});
