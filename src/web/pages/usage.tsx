/** Usage: one chart and one table over a time range, grouped by key, model, engine or ending. */
import { useMemo, useState } from 'preact/hooks';
import { type Counts, call, type SeriesGroup, type UsageDocument } from '../api/client.ts';
import { Chart, type ChartSeries } from '../components/chart.tsx';
import { count, csvField, milliseconds } from '../components/format.ts';
import { Show, useLoaded } from '../components/loaded.tsx';
import { Choice, Empty } from '../components/parts.tsx';
import { en } from '../i18n/en.ts';

const hourMs = 3_600_000;
const ranges = {
  '24h': { ms: 24 * hourMs, step: 'hour' },
  '7d': { ms: 7 * 24 * hourMs, step: 'hour' },
  '30d': { ms: 30 * 24 * hourMs, step: 'day' },
  '90d': { ms: 90 * 24 * hourMs, step: 'day' },
  '1y': { ms: 366 * 24 * hourMs, step: 'month' },
} as const;
type Range = keyof typeof ranges;
type Dimension = keyof typeof en.usage.dimensions;
type Measure = keyof typeof en.usage.measures;

const shownSeries = 8;
const timeZone = Intl.DateTimeFormat().resolvedOptions().timeZone;

const measured: Readonly<Record<Measure, (counts: Counts) => number | null>> = {
  tokens: ({ inputTokens, outputTokens }) => inputTokens + outputTokens,
  requests: ({ requests }) => requests,
  firstByte: ({ firstByteP95Ms }) => firstByteP95Ms,
};

export function UsagePage() {
  const [range, setRange] = useState<Range>('24h');
  const [by, setBy] = useState<Dimension>('key');
  const [measure, setMeasure] = useState<Measure>('tokens');
  const [loaded] = useLoaded(() => loadUsage(range, by), [range, by]);
  return (
    <>
      <div class="bar">
        <Choice label={en.usage.range} value={range} options={en.usage.ranges} onChange={setRange} />
        <Choice label={en.usage.by} value={by} options={en.usage.dimensions} onChange={setBy} />
        <Choice label={en.usage.measure} value={measure} options={en.usage.measures} onChange={setMeasure} />
      </div>
      <Show loaded={loaded}>
        {(usage) =>
          usage.series.length === 0 ? (
            <Empty title={en.usage.empty} hint={en.usage.emptyHint} command="flm chat" />
          ) : (
            <>
              <UsageChart usage={usage} by={by} measure={measure} />
              <UsageTable usage={usage} by={by} />
            </>
          )
        }
      </Show>
    </>
  );
}

function loadUsage(range: Range, by: Dimension): Promise<UsageDocument> {
  const toMs = Date.now();
  const { ms, step } = ranges[range];
  const query = new URLSearchParams({
    from: new Date(toMs - ms).toISOString(),
    to: new Date(toMs).toISOString(),
    step,
    by,
    timeZone,
    groups: '100',
  });
  return call<UsageDocument>('GET', `api/v1/usage?${query}`);
}

function UsageChart({ usage, by, measure }: { usage: UsageDocument; by: Dimension; measure: Measure }) {
  const { times, series } = useMemo(() => chartOf(usage, by, measure), [usage, by, measure]);
  const format = measure === 'firstByte' ? (value: number) => milliseconds(value) : count;
  return <Chart label={en.usage.chart} times={times} series={series} format={format} />;
}

function chartOf(
  usage: UsageDocument,
  by: Dimension,
  measure: Measure,
): { times: number[]; series: ChartSeries[] } {
  const times = startsOf(usage);
  const series = usage.series.slice(0, shownSeries).map(({ group, points }) => {
    const values = new Map(points.map((point) => [Date.parse(point.start), measured[measure](point)]));
    const absent = measure === 'firstByte' ? null : 0;
    return { name: nameOf(group, by), values: times.map((ms) => values.get(ms) ?? absent) };
  });
  return { times, series };
}

/** The start of every hour, day or month of the report, in the time zone of the browser. */
function startsOf({ from, to, step }: UsageDocument): number[] {
  const at = new Date(from);
  at.setMinutes(0, 0, 0);
  if (step !== 'hour') at.setHours(0);
  if (step === 'month') at.setDate(1);
  const starts: number[] = [];
  for (const endMs = Date.parse(to); at.getTime() < endMs; ) {
    starts.push(at.getTime());
    if (step === 'hour') at.setTime(at.getTime() + hourMs);
    else if (step === 'day') at.setDate(at.getDate() + 1);
    else at.setMonth(at.getMonth() + 1);
  }
  return starts;
}

function UsageTable({ usage, by }: { usage: UsageDocument; by: Dimension }) {
  const isEstimated = usage.total.estimatedRequests > 0;
  return (
    <>
      <section class="scroll" tabIndex={0} aria-label={en.usage.title}>
        <table>
          <thead>
            <tr>
              <th scope="col">{en.usage.dimensions[by]}</th>
              {columns.map(({ title }) => (
                <th scope="col" class="number" key={title}>
                  {title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {usage.series.map(({ group, total }) => (
              <Row key={JSON.stringify(group)} name={nameOf(group, by)} counts={total} />
            ))}
          </tbody>
          <tfoot>
            <Row name={en.usage.total} counts={usage.total} />
          </tfoot>
        </table>
      </section>
      {isEstimated ? <p class="note">{en.usage.estimated}</p> : null}
      <button type="button" onClick={() => saveCsv(usage, by)}>
        {en.usage.csv}
      </button>
    </>
  );
}

interface Column {
  readonly title: string;
  readonly value: (counts: Counts) => number | null;
  readonly text: (value: number | null) => string;
}

const countText = (value: number | null): string => count(value ?? 0);
const columns: readonly Column[] = [
  { title: en.usage.requests, value: (c) => c.requests, text: countText },
  { title: en.usage.inputTokens, value: (c) => c.inputTokens, text: countText },
  { title: en.usage.outputTokens, value: (c) => c.outputTokens, text: countText },
  { title: en.usage.p50, value: (c) => c.firstByteP50Ms, text: milliseconds },
  { title: en.usage.p95, value: (c) => c.firstByteP95Ms, text: milliseconds },
];

function Row({ name, counts }: { name: string; counts: Counts }) {
  const mark = counts.estimatedRequests > 0 ? '~' : '';
  return (
    <tr>
      <th scope="row">{name}</th>
      {columns.map(({ title, value, text }) => {
        const isTokens = title === en.usage.inputTokens || title === en.usage.outputTokens;
        return (
          <td class="number" key={title} title={String(value(counts) ?? '')}>
            {isTokens ? mark : ''}
            {text(value(counts))}
          </td>
        );
      })}
    </tr>
  );
}

function nameOf(group: SeriesGroup | 'other', by: Dimension): string {
  if (group === 'other') return en.usage.other;
  if (by !== 'key') return group[by] === '' || group[by] === undefined ? en.usage.unnamed : group[by];
  const { key } = group;
  if (key === undefined) return en.usage.unnamed;
  return key.label ?? (key.id === 'flm-chat' ? en.usage.chat : key.id);
}

function saveCsv(usage: UsageDocument, by: Dimension): void {
  const rows = usage.series.flatMap(({ group, points }) =>
    points.map((point) => [point.start, nameOf(group, by), ...columns.map(({ value }) => value(point))]),
  );
  const head = ['time', by, ...columns.map(({ title }) => title)];
  const text = [head, ...rows].map((row) => row.map(csvField).join(',')).join('\r\n');
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([`${text}\r\n`], { type: 'text/csv' }));
  link.download = `flm-usage-${usage.from.slice(0, 10)}.csv`;
  link.click();
  URL.revokeObjectURL(link.href);
}
