import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { csvText, parseCsv } from './csv.ts';

const fieldsOf = (text: string) => parseCsv(text).rows.map(({ fields }) => fields);

test('what was written as CSV is read back unchanged', () => {
  const cell = fc.string({
    unit: fc.constantFrom('a', '"', ',', ';', '\n', '\r', '\t', '=', '-', '＝', "'", ' ', 'ü'),
  });
  fc.assert(
    fc.property(fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { minLength: 1 }), (cells) => {
      const rows = [['label', 'owner'], ...cells.map((row) => ['x', ...row])];
      assert.deepEqual(fieldsOf(csvText(rows)), rows);
    }),
  );
});

test('a field that a spreadsheet would take for a formula is written as text', () => {
  assert.equal(
    csvText([['=1+1', '+1', '-1', '@SUM(A1)', '\tx', 'plain', "=cmd|' /C calc'!A0"]]),
    `'=1+1,'+1,'-1,'@SUM(A1),"'\tx",plain,'=cmd|' /C calc'!A0\r\n`,
  );
  assert.equal(
    csvText([['＝1+1', '＋1', '－1', '＠SUM(A1)', '\n=1', '全角＝']]),
    `'＝1+1,'＋1,'－1,'＠SUM(A1),"'\n=1",全角＝\r\n`,
  );
});

test('commas, semicolons and tabs separate fields, after what the first line uses', () => {
  const rows = [
    ['label', 'models'],
    ['ann', 'a;b'],
  ];
  assert.deepEqual(fieldsOf('label,models\nann,a;b\n'), rows);
  assert.deepEqual(fieldsOf('\ufefflabel;models\r\nann;"a;b"\r\n'), rows);
  assert.deepEqual(fieldsOf('label\tmodels\rann\ta;b'), rows);
});

test('a row knows its line, also after quoted line breaks and empty lines', () => {
  const { rows } = parseCsv('label,note\n\nann,"one\ntwo"\n,\n"b""ob",\n');
  assert.deepEqual(rows, [
    { line: 1, fields: ['label', 'note'] },
    { line: 3, fields: ['ann', 'one\ntwo'] },
    { line: 6, fields: ['b"ob', ''] },
  ]);
});

test('a quote that does not end is reported with its line', () => {
  assert.equal(parseCsv('label\nann\n"bob\n\n').openQuote, 3);
});
