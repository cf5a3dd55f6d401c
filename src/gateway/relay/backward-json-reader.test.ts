import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { moreRuns } from '../../../test/helpers/more-runs.ts';
import { BackwardJsonReader } from './backward-json-reader.ts';

type Member = readonly [depth: number, name: string];

/** From the last to the first. */
function members(text: string, from = 0): Member[] {
  const bytes = Buffer.from(text);
  const tail = new BackwardJsonReader();
  tail.begin(bytes, from, bytes.length);
  const found: Member[] = [];
  while (tail.previous()) found.push([tail.depth, bytes.toString('utf8', tail.nameFrom, tail.nameTo)]);
  return found;
}

/** The same, by a parser: names in the order in which they are written. */
function written(value: unknown, depth: number, into: Member[]): Member[] {
  if (value === null || typeof value !== 'object') return into;
  if (Array.isArray(value)) for (const item of value) written(item, depth + 1, into);
  else {
    for (const [name, member] of Object.entries(value)) {
      into.push([depth + 1, JSON.stringify(name).slice(1, -1)]);
      written(member, depth + 1, into);
    }
  }
  return into;
}

test('members come from the last to the first, each with its depth', () => {
  assert.deepEqual(
    members('{"choices":[{"index":0,"finish_reason":"stop"}],"usage":{"prompt_tokens":5}} \n'),
    [
      [2, 'prompt_tokens'],
      [1, 'usage'],
      [3, 'finish_reason'],
      [3, 'index'],
      [1, 'choices'],
    ],
  );
});

test('what stands in a string is no member', () => {
  assert.deepEqual(members('{"a":"\\"usage\\":{","b":"x\\\\"}'), [
    [1, 'b'],
    [1, 'a'],
  ]);
});

test('what is no object has no member', () => {
  for (const text of ['', ' ', '[]', 'x', '"a":1', '{}', '}', ': }'])
    assert.deepEqual(members(text), [], text);
});

test('any object is walked as a parser reads it, however it is spaced', () => {
  const object = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue({ stringUnit: 'grapheme' }));
  fc.assert(
    fc.property(object, fc.constantFrom(undefined, 1, '\t', '\r\n '), (value, space) => {
      const text = JSON.stringify(value, null, space);
      assert.deepEqual(members(text), written(JSON.parse(text), 0, []).reverse());
    }),
    { numRuns: 500 * moreRuns },
  );
});

test('of a torso the members that are whole are found, at their depths, and no other', () => {
  const object = fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 });
  fc.assert(
    fc.property(object, fc.nat(), (value, cut) => {
      const text = JSON.stringify(value);
      const bytes = Buffer.from(text);
      const found = members(text, cut % bytes.length);
      const all = written(JSON.parse(text), 0, []).reverse();
      // A string that is cut has lost its opening quote, so nothing before it can be told.
      assert.deepEqual(found.slice(0, -1), all.slice(0, Math.max(0, found.length - 1)));
    }),
    { numRuns: 500 * moreRuns },
  );
});

test('a value says what it is', () => {
  const bytes = Buffer.from('{"n" : 42 ,"t":"x","e":"","neg":-1,"o":{},"long":12345678901234567890}');
  const tail = new BackwardJsonReader();
  tail.begin(bytes, 0, bytes.length);
  const seen: [string, number | undefined, boolean, boolean][] = [];
  while (tail.previous()) {
    const name = bytes.toString('latin1', tail.nameFrom, tail.nameTo);
    seen.push([name, tail.count, tail.isText, tail.isNamed(Buffer.from('n'))]);
  }
  assert.deepEqual(seen, [
    ['long', undefined, false, false],
    ['o', undefined, false, false],
    ['neg', undefined, false, false],
    ['e', undefined, false, false],
    ['t', undefined, true, false],
    ['n', 42, false, true],
  ]);
});

test('only a plain whole number counts tokens', () => {
  const counts: readonly (readonly [string, number | undefined])[] = [
    ['0', 0],
    ['42', 42],
    ['12.0', 12],
    ['1000000000', 1_000_000_000],
    ['1000000001', undefined],
    ['99999999999999999999', undefined],
    ['-5', undefined],
    ['1.5', undefined],
    ['1.05', undefined],
    ['1e9', undefined],
    ['1.0e3', undefined],
    ['"42"', undefined],
    ['null', undefined],
    ['[1]', undefined],
  ];
  for (const [value, count] of counts) {
    const bytes = Buffer.from(`{"n":${value}}`);
    const tail = new BackwardJsonReader();
    tail.begin(bytes, 0, bytes.length);
    assert.ok(tail.previous());
    assert.equal(tail.count, count, value);
  }
});
