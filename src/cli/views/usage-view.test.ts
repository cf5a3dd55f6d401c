/** What `flm usage` shows for stored usage. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noUsage, type UsageSlot } from '../../core/usage/usage-report.ts';
import { chartMarks } from '../terminal/chart.ts';
import { type UsageFlags, usageAsk } from '../usage-query.ts';
import { countsDocument, lineDocument, usageCsv, usageLines, usageText } from './usage-view.ts';

const nowMs = Date.parse('2026-11-03T15:30Z');
const labels = new Map([['key_a', 'laptop']]);

const slot = (iso: string, group: UsageSlot['group'], parts: Partial<UsageSlot> = {}): UsageSlot => ({
  startMs: Date.parse(iso),
  group,
  ...noUsage,
  requests: 1,
  inputTokens: 10,
  outputTokens: 5,
  ...parts,
});

function shown(flags: UsageFlags, slots: readonly UsageSlot[]) {
  return usageLines(slots, usageAsk({ timeZone: 'UTC', ...flags }, nowMs));
}

function plain(flags: UsageFlags, slots: readonly UsageSlot[]): readonly string[] {
  return usageText(shown(flags, slots), { labels, columns: Number.POSITIVE_INFINITY }).text.split('\n');
}

test('groups are added up, the largest first, and only numbers with an estimate in them have the mark', () => {
  const slots = [
    slot('2026-11-01T10:00Z', { key: 'key_a' }),
    slot('2026-11-02T10:00Z', { key: 'key_a' }),
    slot('2026-11-02T10:00Z', { key: 'key_b' }, { inputTokens: 100, estimatedRequests: 1 }),
    slot('2026-11-02T10:00Z', { key: '' }, { inputTokens: 0, outputTokens: 0 }),
  ];
  assert.deepEqual(plain({}, slots), [
    'KEY             REQUESTS  TOKENS IN  TOKENS OUT  TOKENS',
    'key_b (gone)           1       ~100          ~5    ~105',
    'laptop (key_a)         2         20          10      30',
    '-                      1          0           0       0',
    'total                  4       ~120         ~15    ~135',
  ]);
});

test('times are in order in the time zone of the reader, and those without usage between others are shown', () => {
  const slots = [slot('2026-11-02T23:30Z', {}), slot('2026-10-31T12:00Z', {})];
  const days = (timeZone: string) =>
    plain({ by: ['day'], timeZone }, slots).map((line) => line.split(/ +/).slice(0, 2));
  assert.deepEqual(days('UTC'), [
    ['DAY', 'REQUESTS'],
    ['2026-10-31', '1'],
    ['2026-11-01', '0'],
    ['2026-11-02', '1'],
    ['2026-11-03', '0'],
    ['total', '2'],
  ]);
  assert.deepEqual(days('Asia/Tokyo').slice(4, 6), [
    ['2026-11-03', '1'],
    ['2026-11-04', '0'],
  ]);
});

test('several groupings make a line for each combination, in the order of the flags', () => {
  const slots = [
    slot('2026-11-01T10:00Z', { model: 'small' }),
    slot('2026-11-02T10:00Z', { model: 'large' }, { inputTokens: 100 }),
    slot('2026-11-02T11:00Z', { model: 'small' }),
  ];
  const names = (...by: string[]) =>
    plain({ by }, slots)
      .slice(1, -1)
      .map((line) => line.split(/ +/).slice(0, 3).join(' '));
  assert.deepEqual(names('model', 'day'), ['large 2026-11-02 1', 'small 2026-11-01 1', 'small 2026-11-02 1']);
  assert.deepEqual(names('day,model'), ['2026-11-01 small 1', '2026-11-02 large 1', '2026-11-02 small 1']);
});

test('with --top the other groups are one line, which comes last', () => {
  const slots = ['a', 'b', 'c'].map((model, i) =>
    slot('2026-11-01T10:00Z', { model }, { inputTokens: 10 ** i }),
  );
  assert.deepEqual(
    plain({ by: ['model'], top: '1' }, slots).map((line) => line.split(/ +/).slice(0, 2)),
    [
      ['MODEL', 'REQUESTS'],
      ['c', '1'],
      ['others', '2'],
      ['total', '3'],
    ],
  );
});

test('a terminal shows a bar for each time and a trend for each group, within its width', () => {
  const marks = chartMarks({});
  const slots = [
    slot('2026-11-01T10:00Z', { model: 'm' }),
    slot('2026-11-03T10:00Z', { model: 'm' }, { inputTokens: 25 }),
  ];
  const timeless = slots.map((one) => ({ ...one, group: {} }));
  const bars = usageText(shown({ by: ['day'] }, timeless), { labels, columns: 80, marks });
  assert.deepEqual(
    bars.text.split('\n').map((line) => /[█-▏]+$/.exec(line)?.[0].length ?? 0),
    [0, 14, 0, 27, 0],
  );
  const trend = usageText(shown({ by: ['model'], days: '3' }, slots), { labels, columns: 80, marks });
  assert.match(trend.text, /TREND\nm .* ▅ █$/);
  for (let columns = 20; columns < 120; columns += 1) {
    const { text } = usageText(shown({ by: ['day'] }, timeless), { labels, columns, marks });
    for (const line of text.split('\n')) assert.ok(line.length <= columns, `${columns}: ${line}`);
  }
});

test('the share of prompts from caches is shown where an engine reports it', () => {
  const cached = { cachedTokens: 30, cachePromptTokens: 40 };
  const slots = [
    slot('2026-11-01T10:00Z', { engine: 'a' }, cached),
    slot('2026-11-01T10:00Z', { engine: 'b' }),
  ];
  assert.deepEqual(
    plain({ by: ['engine'] }, slots).map((line) => line.split(/ +/).at(-1)),
    ['CACHED', '75%', '-', '75%'],
  );
});

test('documents and CSV have every number, and no field of CSV is a formula', () => {
  const found = shown({ by: ['key,model', 'hour'], from: '2026-11-01' }, [
    slot('2026-11-01T10:00Z', { key: 'key_a', model: '=1+1' }, { durationMs: 40 }),
  ]);
  const [line] = found.lines;
  assert(line !== undefined);
  assert.deepEqual(lineDocument(line, found.ask, labels), {
    key: { id: 'key_a', label: 'laptop' },
    model: '=1+1',
    hour: '2026-11-01T10:00:00.000Z',
    requests: 1,
    inputTokens: 10,
    outputTokens: 5,
    estimatedRequests: 0,
    durationMs: 40,
    cachedTokens: 0,
    cachePromptTokens: 0,
    firstByteP50Ms: null,
    firstByteP95Ms: null,
  });
  assert.equal(
    usageCsv(found, labels),
    `key,label,model,hour,${Object.keys(countsDocument(noUsage)).join(',')}\r\n` +
      "key_a,laptop,'=1+1,2026-11-01T10:00:00.000Z,1,10,5,0,40,0,0,,\r\n",
  );
});

test('a sum never leaves the numbers that JSON holds exactly', () => {
  const most = Number.MAX_SAFE_INTEGER;
  const { total } = shown(
    {},
    [1, 2].map(() => slot('2026-11-01T10:00Z', { key: 'a' }, { inputTokens: most })),
  );
  assert.equal(countsDocument(total).inputTokens, most);
});

test('a terminal does not obey a model name', () => {
  assert.match(
    plain({ by: ['model'] }, [slot('2026-11-01T10:00Z', { model: 'a\u001b[2J' })]).join(),
    /a\\u001b\[2J/,
  );
});
