import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readableLine } from './log-line.ts';

const line = (fields: object): string =>
  JSON.stringify({ level: 'info', time: '2026-11-24T12:03:04.567Z', ...fields, msg: 'request' });

test('for a person a line has time, level, message and what there is to say', () => {
  const text = readableLine(line({ id: 'req_1', atMs: 7, engine: null, keyLabel: 'two words', status: 200 }));
  assert.match(text, /^2026-11-2\d \d\d:\d\d:\d\d info {2}request id=req_1 keyLabel="two words" status=200$/);
});

test('for a person nothing turns the text around or steers the terminal', () => {
  const hostile = 'a\r\nb\u001b[31m\u009b2J\u0085\u2028\u0000\u202e"\\';
  for (const text of [
    readableLine(line({ model: hostile, [hostile]: [hostile] })),
    readableLine(JSON.stringify({ level: hostile, time: hostile, msg: hostile })),
    readableLine(hostile),
  ])
    assert.doesNotMatch(text, /[\p{Cc}\p{Cf}\u2028\u2029]/u);
});

test('what is no JSON object is shown as it is', () => {
  for (const text of ['FATAL ERROR: out of memory', '12', 'null', '[1]', '{"torn'])
    assert.equal(readableLine(text), text);
});
