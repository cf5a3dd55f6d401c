/** Lines over time: one for each series, zero-based, with a legend that shows the values under the pointer. */
import { useEffect, useRef } from 'preact/hooks';
import UPlot from 'uplot';
import { count } from './format.ts';

export interface ChartSeries {
  readonly name: string;
  /** One value for each time; null is a gap. */
  readonly values: readonly (number | null)[];
}

const height = 260;
const palette = 8;

export function Chart({
  label,
  times,
  series,
  format = count,
}: {
  label: string;
  times: readonly number[];
  series: readonly ChartSeries[];
  format?: (value: number) => string;
}) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const style = getComputedStyle(element);
    const colour = (i: number): string => style.getPropertyValue(`--series-${(i % palette) + 1}`).trim();
    const text = style.getPropertyValue('--text-soft').trim();
    const grid = { stroke: style.getPropertyValue('--line').trim(), width: 1 };
    const plot = new UPlot(
      {
        width: element.clientWidth,
        height,
        scales: { y: { range: (_plot, _min, max) => [0, Math.max(max, 1) * 1.05] } },
        axes: [
          { stroke: text, grid },
          {
            stroke: text,
            grid,
            size: 64,
            values: (_plot, values) => values.map((v) => (v === null ? '' : format(v))),
          },
        ],
        series: [
          {},
          ...series.map(({ name }, i) => ({
            label: name,
            stroke: colour(i),
            width: 2,
            spanGaps: false,
            value: (_plot: UPlot, value: number | null) => (value === null ? '–' : format(value)),
          })),
        ],
      },
      [times.map((ms) => ms / 1_000), ...series.map(({ values }) => [...values])] as UPlot.AlignedData,
      element,
    );
    const observer = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.destroy();
    };
  }, [times, series]);
  return <div class="chart" ref={place} role="img" aria-label={label} />;
}
