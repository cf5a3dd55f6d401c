import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { assertLinear, countSteps } from '../../test/helpers/count-steps.ts';
import { ProxyError } from './errors.ts';
import { faultsOf } from './faults.ts';
import { parseProfileFile } from './proxy/profile-file.ts';
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
    [{ count: '2' }, 'count', '"2"', 'a number'],
    [{ count: undefined }, 'count', 'missing', 'a number'],
    [{ name: 'a' }, 'name', '"a"', '2 characters or more'],
    [{ list: [1, 2] }, 'list', '[1,2]', '1 entry or less'],
    [{ kind: 'c' }, 'kind', '"c"', 'a, b'],
    [{ other: 1 }, 'other', 'an unknown field', 'only the documented fields'],
    [{ deep: { list: [{ id: 1 }] } }, 'deep.list.0.id', '1', 'text'],
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

test('a value of any size is shown by its beginning, and only that is read', () => {
  const many = Array.from({ length: 50 }, () => Array.from({ length: 5_000 }, () => 'x'.repeat(1_000)));
  const large = { port: 'a'.repeat(1_000_000), list: many, '#': { deep: many } };
  const fault = { count: large, list: [large], name: 'http://user:'.padEnd(5_000, 'p') };
  const input = { ...good, ...fault };
  const parsed = schema.safeParse(input);
  assert.ok(!parsed.success);
  const { error } = parsed;
  assert.ok(countSteps(() => faultsOf(error, input)) < 1_000_000);
  const values = faultsOf(error, input).map((f) => f.value);
  assert.ok(values.every((value) => value.length <= 80));
  assert.ok(values.includes('"http://...@'), String(values));
});

test('an error lists fifty faults and counts the others', () => {
  const faults = Array.from({ length: 1_000 }, (_, i) => ({ field: `f${i}`, value: '1', allowed: '2' }));
  const error = new ProxyError('PROFILE_INVALID', { faults, moreFaults: 7 });
  assert.equal(error.faults.length, 50);
  assert.equal(error.moreFaults, 957);
  assert.match(error.message, /\n {2}f49 is 1; allowed: 2\n {2}and 957 more$/);
  assert.equal(error.message.includes('f50'), false);
  const few = new ProxyError('PROFILE_INVALID', { faults: faults.slice(0, 50) });
  assert.equal(few.moreFaults, 0);
  assert.doesNotMatch(few.message, /more/);
});

test('the work of judging a configuration grows with it, whatever is wrong', () => {
  const configs: readonly ((size: number) => object)[] = [
    (size) => Object.fromEntries(Array.from({ length: size }, (_, i) => [`k${i}`, 1])),
    (size) => ({ bind: Array.from({ length: size }, () => '0.0.0.0') }),
    (size) => ({ engines: Array.from({ length: size }, () => ({ a: 1 })) }),
    (size) => ({ domains: Array.from({ length: size }, (_, i) => `a${i}`) }),
    (size) => ({ publicHosts: Array.from({ length: size }, (_, i) => `-${i}`) }),
    (size) => ({ policy: { allowIps: Array.from({ length: size }, () => 'x') } }),
    (size) => ({ limits: Object.fromEntries(Array.from({ length: size }, (_, i) => [`k${i}`, 1])) }),
    (size) => ({ port: 'a'.repeat(size * 10) }),
    (size) => ({ port: 'a:'.repeat(size * 10) }),
  ];
  for (const config of configs)
    assertLinear(
      JSON.stringify(config(3)),
      (size) => {
        const input = config(size);
        return () => assert.throws(() => parseProfileFile(input));
      },
      { sizes: [1_000, 10_000], fixed: 2_000_000, perUnit: 2_000 },
    );
});
