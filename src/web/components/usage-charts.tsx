/** The charts of the page *Usage*: a large one by group, and three small ones: first byte, errors, tokens. */
import { useState } from 'preact/hooks';
import type { Counts, UsageDocument } from '../api/client.ts';
import { t } from '../i18n/texts.ts';
import { Chart, type ChartProps, type ChartSeries } from './chart.tsx';
import { atMost, count, exactTime, milliseconds } from './format.ts';
import { coloursOf, otherColour } from './series-colours.ts';
import { TableFrame } from './table-frame.tsx';
import { startsOf } from './time-steps.ts';
import { type Dimension, groupName, groupValue, tokensOf, type UsageView } from './usage-report.ts';

export type Measure = keyof typeof t.usage.measures;
export type Select = (by: Dimension, value: string, label: string) => void;

const largeHeight = 280;
const smallHeight = 140;

const measured: Readonly<Record<Measure, (counts: Counts) => number | null>> = {
  tokens: tokensOf,
  requests: ({ requests }) => requests,
  firstByte: ({ firstByteP95Ms }) => firstByteP95Ms,
};

interface Part {
  readonly view: UsageView;
  readonly times: readonly number[];
  readonly onSelect: Select;
}

export function UsageCharts({
  view,
  by,
  measure,
  onSelect,
}: {
  view: UsageView;
  by: Dimension;
  measure: Measure;
  onSelect: Select;
}) {
  const times = startsOf(view.fromMs, view.toMs, view.step);
  const part: Part = { view, times, onSelect };
  const large = largeChart(part, by, measure);
  return (
    <>
      <Chart {...large} />
      <ChartTable chart={large} />
      <div class="small-charts">
        <Chart {...firstByteChart(part)} />
        <Chart {...errorsChart(part)} />
        <Chart {...tokensChart(part)} />
      </div>
    </>
  );
}

function largeChart({ view, times, onSelect }: Part, by: Dimension, measure: Measure): ChartProps {
  const isTime = measure === 'firstByte';
  const format = isTime ? (value: number) => milliseconds(value) : count;
  return {
    ...frame(view, times),
    title: t.usage.measures[measure],
    label: t.usage.chart,
    shape: isTime ? 'lines' : 'bars',
    series: seriesOf(view.chart, times, by, measured[measure], isTime ? null : 0, format, onSelect),
    format,
    height: largeHeight,
  };
}

function errorsChart({ view, times, onSelect }: Part): ChartProps {
  const failed = view.byEnding.series.filter(({ group }) => group !== 'other' && group.ending !== 'done');
  return {
    ...frame(view, times),
    title: t.usage.errors,
    label: t.usage.errorsLabel,
    shape: 'bars',
    series: seriesOf(
      { ...view.byEnding, series: failed },
      times,
      'ending',
      ({ requests }) => requests,
      0,
      count,
      onSelect,
    ),
    format: count,
    height: smallHeight,
  };
}

function firstByteChart({ view, times }: Part): ChartProps {
  const format = (value: number) => milliseconds(value);
  const line = (name: string, colour: number, value: (counts: Counts) => number | null): ChartSeries => ({
    name,
    colour,
    values: valuesOf(view.sum.series[0], times, value, null),
    summary: atMost(value(view.sum.total)),
  });
  return {
    ...frame(view, times),
    title: t.usage.firstByte,
    label: t.usage.firstByteLabel,
    shape: 'lines',
    series: [
      line(t.usage.p50, 1, ({ firstByteP50Ms }) => firstByteP50Ms),
      line(t.usage.p95, 2, ({ firstByteP95Ms }) => firstByteP95Ms),
    ],
    format,
    height: smallHeight,
  };
}

function tokensChart({ view, times }: Part): ChartProps {
  const bar = (name: string, colour: number, value: (counts: Counts) => number): ChartSeries => ({
    name,
    colour,
    values: valuesOf(view.sum.series[0], times, value, 0),
    summary: count(value(view.sum.total)),
  });
  return {
    ...frame(view, times),
    title: t.usage.measures.tokens,
    label: t.usage.tokensLabel,
    shape: 'bars',
    series: [
      bar(t.usage.inputTokens, 1, ({ inputTokens }) => inputTokens),
      bar(t.usage.outputTokens, 3, ({ outputTokens }) => outputTokens),
    ],
    format: count,
    height: smallHeight,
  };
}

function frame({ step }: UsageView, times: readonly number[]) {
  return { step, times, cursor: 'usage' };
}

/** `absent`: the value of a point without usage. */
function seriesOf(
  { series }: UsageDocument,
  times: readonly number[],
  by: Dimension,
  value: (counts: Counts) => number | null,
  absent: 0 | null,
  format: (value: number) => string,
  onSelect: Select,
): ChartSeries[] {
  const named = series.filter(({ group }) => group !== 'other');
  const colours = coloursOf(named.map(({ group }) => `${by} ${groupValue(group, by) ?? ''}`));
  return series.map((one): ChartSeries => {
    const [name, filter] = [groupName(one.group, by), groupValue(one.group, by)];
    const total = value(one.total);
    return {
      name,
      colour: colours[named.indexOf(one)] ?? otherColour,
      values: valuesOf(one, times, value, absent),
      summary: total === null ? '–' : format(total),
      ...(filter === undefined ? {} : { onSelect: () => onSelect(by, filter, name) }),
    };
  });
}

function valuesOf(
  series: UsageDocument['series'][number] | undefined,
  times: readonly number[],
  value: (counts: Counts) => number | null,
  absent: number | null,
): (number | null)[] {
  const values = new Map(series?.points.map((point) => [Date.parse(point.start), value(point)]));
  return times.map((ms) => values.get(ms) ?? absent);
}

/** The same numbers for readers of tables. Its rows exist only while it is open. */
function ChartTable({ chart: { title, times, series, format } }: { chart: ChartProps }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{t.chart.asTable}</summary>
      {isOpen ? (
        <TableFrame label={title}>
          <table>
            <thead>
              <tr>
                <th scope="col">{t.chart.time}</th>
                {series.map(({ name }) => (
                  <th scope="col" class="number" key={name}>
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {times.map((ms, i) => (
                <tr key={ms}>
                  <th scope="row">{exactTime(new Date(ms).toISOString())}</th>
                  {series.map(({ name, values }) => (
                    <td class="number" key={name}>
                      {values[i] === null || values[i] === undefined ? '–' : format(values[i])}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </TableFrame>
      ) : null}
    </details>
  );
}
