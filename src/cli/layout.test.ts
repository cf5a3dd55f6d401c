import assert from 'node:assert/strict';
import { test } from 'node:test';
import { duration, facts, moment, printable, table } from './layout.ts';

test('a table has its columns side by side, whatever colours are in them', () => {
  const green = '\x1b[32mok\x1b[39m';
  assert.equal(
    table(
      ['A', 'STATE', 'C'],
      [
        ['one', green, 'x'],
        ['é', 'longer', ''],
      ],
    ),
    ['A    STATE   C', `one  ${green}      x`, 'é    longer'].join('\n'),
  );
});

test('facts leave out what is not known and indent what has several lines', () => {
  assert.equal(
    facts([
      ['id', 'a'],
      ['gone', undefined],
      ['models', 'x\ny'],
    ]),
    'id      a\nmodels  x\n        y',
  );
  assert.equal(facts([]), '');
});

test('durations are said in the unit that a person would take', () => {
  const table: readonly (readonly [number, string])[] = [
    [0, '0 s'],
    [89.4, '89 s'],
    [90, '2 min'],
    [5_340, '89 min'],
    [7_200, '2 h'],
    [7_500, '2 h 5 min'],
    [172_800, '2 d'],
    [273_600, '3 d 4 h'],
  ];
  for (const [seconds, text] of table) assert.equal(duration(seconds), text, String(seconds));
});

test('a moment is local time to the minute', () => {
  assert.equal(moment(new Date(2026, 0, 2, 3, 4, 59).getTime()), '2026-01-02 03:04');
});

test('what came from elsewhere cannot move a cursor or turn the text around', () => {
  assert.equal(printable('a\x1b[2Jb\u202ec\u2028d\x9be'), 'a\\u001b[2Jb\\u202ec\\u2028d\\u009be');
  assert.equal(printable('Qwen/Qwen3-8B größer 模型'), 'Qwen/Qwen3-8B größer 模型');
});
