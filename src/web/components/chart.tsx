/**
 * A chart over time: stacked bars for amounts, lines for measurements, zero-based, with a legend that shows the values
 * under the pointer. Charts with the same `cursor` name share the pointer. Gaps stay gaps.
 */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import UPlot from 'uplot';
import { t } from '../i18n/texts.ts';
import { axisTime, exactTime } from './format.ts';
import { nextStart, type TimeStep } from './time-steps.ts';

export interface ChartSeries {
  readonly name: string;
  /** Number of the palette. */
  readonly colour: number;
  /** One value for each time; null is a gap. */
  readonly values: readonly (number | null)[];
  /** The value of the whole range, formatted. */
  readonly summary: string;
  readonly onSelect?: () => void;
}

export interface ChartProps {
  readonly title: string;
  /** For screen readers. */
  readonly label: string;
  readonly shape: 'bars' | 'lines';
  readonly step: TimeStep;
  readonly times: readonly number[];
  readonly series: readonly ChartSeries[];
  readonly format: (value: number) => string;
  readonly height: number;
  readonly cursor: string;
}

export function Chart(props: ChartProps) {
  const { title, label, times, series, format, height } = props;
  const place = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState<number | null>(null);
  const scheme = useColourScheme();
  const key = JSON.stringify([
    props.shape,
    props.step,
    times,
    series.map(({ name, values }) => [name, values]),
  ]);
  useEffect(() => {
    const element = place.current;
    if (element === null) return undefined;
    const plot = makePlot(element, props, setAt);
    const observer = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.destroy();
      setAt(null);
    };
  }, [key, scheme]);
  const start = at === null ? undefined : times[at];
  return (
    <figure class="chart">
      <figcaption>
        <strong>{title}</strong> {start === undefined ? '' : exactTime(new Date(start).toISOString())}
      </figcaption>
      <div ref={place} role="img" aria-label={label} />
      <ul class="legend">
        {series.map((one) => (
          <LegendEntry key={one.name} series={one} value={valueAt(one, at, format)} />
        ))}
      </ul>
    </figure>
  );
}

function LegendEntry({ series, value }: { series: ChartSeries; value: string }) {
  const { name, colour, onSelect } = series;
  const content = (
    <>
      <svg class={`swatch series-${colour}`} viewBox="0 0 10 10" aria-hidden="true">
        <rect width="10" height="10" rx="2" />
      </svg>
      <span class="name">{name}</span> <span class="number">{value}</span>
    </>
  );
  return (
    <li>
      {onSelect === undefined ? (
        content
      ) : (
        <button type="button" class="plain" title={t.chart.only(name)} onClick={onSelect}>
          {content}
        </button>
      )}
    </li>
  );
}

function valueAt(
  { values, summary }: ChartSeries,
  at: number | null,
  format: (value: number) => string,
): string {
  if (at === null) return summary;
  const value = values[at];
  return value === null || value === undefined ? '–' : format(value);
}

/** Amounts have no fractions: 1, 2, 5, 10, 20, 50, ... */
const wholeSteps = Array.from({ length: 16 }, (_, power) =>
  [1, 2, 5].map((digit) => digit * 10 ** power),
).flat();

function makePlot(
  element: HTMLElement,
  { shape, step, times, series, format, height, cursor }: ChartProps,
  onPoint: (at: number | null) => void,
): UPlot {
  const style = getComputedStyle(element);
  const token = (name: string): string => style.getPropertyValue(name).trim();
  const text = token('--text-soft');
  const grid = { stroke: token('--line'), width: 1 };
  const bars = shape === 'bars';
  const rows = bars ? stacked(series) : series.map(({ values }) => values);
  // The whole stack is drawn first, and each shorter stack over it.
  const order = [...series.keys()];
  if (bars) order.reverse();
  const first = times[0] ?? 0;
  const end = nextStart(times.at(-1) ?? 0, step);
  const paths = bars ? UPlot.paths.bars?.({ align: 1, size: [0.9, 48] }) : undefined;
  return new UPlot(
    {
      width: element.clientWidth,
      height,
      ms: 1,
      legend: { show: false },
      cursor: { sync: { key: cursor }, y: false, drag: { x: false, y: false }, points: { show: !bars } },
      scales: {
        x: { time: true, range: () => [first, end] },
        y: { range: (_plot, _min, max) => [0, Math.max(max, 1) * 1.05] },
      },
      axes: [
        {
          stroke: text,
          grid: { show: false },
          ticks: grid,
          space: 80,
          values: (_plot, splits, _axis, _space, spacing) => splits.map((ms) => axisTime(ms, spacing)),
        },
        {
          stroke: text,
          grid,
          size: 60,
          ...(bars ? { incrs: wholeSteps } : {}),
          values: (_plot, values) => values.map((value) => (value === null ? '' : format(value))),
        },
      ],
      series: [
        {},
        ...order.map((i) => ({
          stroke: token(`--series-${series[i]?.colour}`),
          ...(paths === undefined
            ? { width: 2 }
            : { fill: token(`--series-${series[i]?.colour}`), width: 0, paths }),
          points: { show: !bars && times.length < 50 },
          spanGaps: false,
        })),
      ],
      hooks: { setCursor: [(plot) => onPoint(plot.cursor.idx ?? null)] },
    },
    [times, ...order.map((i) => rows[i])] as UPlot.AlignedData,
    element,
  );
}

/** Each series with those before it added. */
function stacked(series: readonly ChartSeries[]): (readonly number[])[] {
  const sums: number[][] = [];
  for (const { values } of series) {
    const below = sums.at(-1);
    sums.push(values.map((value, i) => (value ?? 0) + (below?.[i] ?? 0)));
  }
  return sums;
}

/** Changes when the colours change, so that a chart is drawn again. */
function useColourScheme(): string {
  const query = useMemo(() => matchMedia('(prefers-color-scheme: dark)'), []);
  const [scheme, setScheme] = useState(query.matches ? 'dark' : 'light');
  useEffect(() => {
    const changed = () => setScheme(query.matches ? 'dark' : 'light');
    query.addEventListener('change', changed);
    return () => query.removeEventListener('change', changed);
  }, []);
  return scheme;
}
