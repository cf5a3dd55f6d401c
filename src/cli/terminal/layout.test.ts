import assert from 'node:assert/strict';
import { test } from 'node:test';
import { duration, facts, hanging, moment, printable, table, textWidth, wrap } from './layout.ts';

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

test('a table is aligned by the columns that wide characters and emoji take', () => {
  const text = table(
    ['LABEL', 'STATE'],
    [
      ['研究室', 'active'],
      ['🦙 llama', 'active'],
      ['laptop', 'active'],
    ],
  );
  assert.deepEqual(
    text.split('\n').map((line) => textWidth(line.slice(0, line.search(/STATE|active/)))),
    [10, 10, 10, 10],
  );
});

test('a table fits the terminal: its last column wraps, the widest others are cut, and nothing is lost in a file', () => {
  const head = ['ID', 'LABEL', 'MAY'];
  const rows = [
    [
      'key_0123456789',
      'the key of the build server in the cellar',
      'models qwen3, llama3; 60 requests a minute',
    ],
  ];
  for (const columns of [60, 70, 80, 200]) {
    const lines = table(head, rows, columns).split('\n');
    for (const line of lines) assert.ok(textWidth(line) <= columns, `${columns}: ${line}`);
    assert.ok(lines.some((line) => line.startsWith('key_0123456789 ')));
    assert.equal(lines.join(' ').includes('…'), columns < 80);
    for (const word of ['qwen3,', 'llama3;', 'minute']) assert.ok(lines.join('\n').includes(word), word);
  }
  const [, row = ''] = table(head, rows).split('\n');
  assert.equal(row, rows[0]?.join('  '));
});

test('where a table is too wide for the terminal, each row becomes a block that fits', () => {
  const head = ['ID', 'LABEL', 'KEY', 'STATE', 'LAST USED', 'MAY'];
  const row = (label: string, may: string) => [
    'key_R4AfUM5yMaXd',
    label,
    'flm_O2k3…',
    'active',
    'never',
    may,
  ];
  const rows = [
    row('the laptop of the cellar', 'models qwen*; 60 requests a minute'),
    row('日本語のキー', 'everything'),
  ];
  for (const columns of [40, 60, 70, 72, 80]) {
    const text = table(head, rows, columns);
    for (const line of text.split('\n')) assert.ok(textWidth(line) <= columns, `${columns}: ${line}`);
    assert.equal(text.split('key_R4AfUM5yMaXd').length, 3, `${columns}: an id is never cut`);
    assert.equal(/^ID {9}key_/m.test(text), columns < 80);
  }
  assert.equal(
    table(['NAME', 'MAY'], [['a', 'run as it likes']], 16),
    ['NAME  a', 'MAY   run as it', '      likes'].join('\n'),
  );
});

test('a table that is too wide leaves out columns that say so, the least important first', () => {
  const head = [
    'NAME',
    { name: 'KEEP', wraps: true },
    { name: 'COUNT', right: true, drop: 2 },
    { name: 'FIRST', drop: 1 },
    'LAST',
  ];
  const rows = [['a', 'one two', '7', 'x'.repeat(20), 'everything that is left']];
  const heads = [200, 50, 40].map((columns) => table(head, rows, columns).split('\n')[0]);
  assert.deepEqual(
    heads.map((line) => line?.trim().split(/ +/)),
    [
      ['NAME', 'KEEP', 'COUNT', 'FIRST', 'LAST'],
      ['NAME', 'KEEP', 'COUNT', 'LAST'],
      ['NAME', 'KEEP', 'LAST'],
    ],
  );
  assert.match(table(head, rows, 200), /COUNT {2}FIRST.*\na +one two +7 {2}x/);
});

test('a cell that wraps keeps its neighbours in their columns', () => {
  const head = ['NAME', { name: 'SCOPES', wraps: true }, 'USED', 'LAST'];
  const rows = [['laptop', 'inference, engine:admin', 'never', '60 requests and more words']];
  assert.equal(
    table(head, rows, 47),
    [
      'NAME    SCOPES        USED   LAST',
      'laptop  inference,    never  60 requests and',
      '        engine:admin         more words',
    ].join('\n'),
  );
});

test('prose wraps at spaces and between wide characters, never before a closing mark, and keeps long words whole', () => {
  assert.deepEqual(wrap('one two three', 8), ['one two', 'three']);
  assert.deepEqual(wrap('see https://example.org/a/long/path now', 10), [
    'see',
    'https://example.org/a/long/path',
    'now',
  ]);
  assert.deepEqual(wrap('run it with `flm up --detach` now', 20), [
    'run it with',
    '`flm up --detach`',
    'now',
  ]);
  assert.deepEqual(wrap('`one two three four`', 9), ['`one two', 'three', 'four`']);
  const japanese = 'プロキシは起動していません。`flm up` を実行してください。';
  for (const width of [10, 11, 20]) {
    const lines = wrap(japanese, width);
    for (const line of lines) {
      assert.ok(textWidth(line) <= width, `${width}: ${line}`);
      assert.doesNotMatch(line, /^[。、」ー]/);
    }
    assert.equal(lines.join('').replaceAll(' ', ''), japanese.replaceAll(' ', ''));
  }
  assert.equal(hanging('! ', 'one two three', 10), '! one two\n  three');
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
