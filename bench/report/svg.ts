/**
 * Draws a chart of horizontal bars as SVG, for a light or a dark page. A thin line on each bar spans its lowest and highest
 * round. The picture needs no font and no script.
 */
import { digits } from './table.ts';

export interface Bar {
  readonly label: string;
  /** A small line below the bar; empty if there is nothing to say. */
  readonly note: string;
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly strong: boolean;
}

export interface Chart {
  readonly title: string;
  /** What the bars mean, and that less is better. */
  readonly subtitle: string;
  readonly unit: string;
  readonly bars: readonly Bar[];
}

const themes = {
  light: {
    page: '#ffffff',
    text: '#1f2328',
    quiet: '#59636e',
    line: '#d1d9e0',
    bar: '#9aa4af',
    own: '#0969da',
  },
  dark: {
    page: '#0d1117',
    text: '#f0f6fc',
    quiet: '#9198a1',
    line: '#3d444d',
    bar: '#6e7681',
    own: '#4493f8',
  },
} as const;
export type Theme = keyof typeof themes;

const width = 760;
const left = 120;
const right = 130;
const top = 84;
const rowHeight = 54;

/** The axis is logarithmic: peers differ by a factor of hundreds. */
export function barChart({ title, subtitle, unit, bars }: Chart, theme: Theme): string {
  const color = themes[theme];
  // A decade lower if the shortest bar would be hard to see.
  const lowest = 10 ** Math.floor(Math.log10(Math.min(...bars.map(({ value }) => value)) / 2.5));
  const highest = 10 ** Math.ceil(Math.log10(Math.max(...bars.map(({ high }) => high))) - 0.02);
  const plot = width - left - right;
  const x = (value: number): number => {
    const part = Math.log(Math.max(value, lowest) / lowest) / Math.log(highest / lowest);
    return Math.round((left + part * plot) * 10) / 10;
  };
  const bottom = top + bars.length * rowHeight;
  const ticks: number[] = [];
  for (let tick = lowest; tick <= highest * 1.01; tick *= 10) ticks.push(tick);
  const axis = ticks.map(
    (tick) =>
      `<path d="M${x(tick)} ${top - 6}V${bottom}" stroke="${color.line}"/>` +
      `<text x="${x(tick)}" y="${bottom + 22}" text-anchor="middle" fill="${color.quiet}" font-size="15">${tick.toLocaleString('en-US', { maximumFractionDigits: 3 })}</text>`,
  );
  const rows = bars.map(({ label, note, value, low, high, strong }, i) => {
    const y = top + i * rowHeight;
    const middle = y + 15;
    const weight = strong ? ' font-weight="700"' : '';
    return (
      `<text x="${left - 12}" y="${middle + 6}" text-anchor="end" fill="${color.text}"${weight}>${escaped(label)}</text>` +
      `<rect x="${left}" y="${y + 2}" width="${Math.max(2, x(value) - left)}" height="26" rx="3" fill="${strong ? color.own : color.bar}"/>` +
      `<path d="M${x(low)} ${middle}H${x(high)}" stroke="${color.text}" stroke-width="2"/>` +
      `<text x="${Math.max(x(value), x(high)) + 8}" y="${middle + 6}" fill="${color.text}"${weight}>${digits(value)} ${escaped(unit)}</text>` +
      (note === ''
        ? ''
        : `<text x="${left}" y="${y + 42}" fill="${color.quiet}" font-size="13" paint-order="stroke" stroke="${color.page}" stroke-width="4">${escaped(note)}</text>`)
    );
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${bottom + 36}" width="${width}" height="${bottom + 36}" role="img" font-family="system-ui, -apple-system, 'Segoe UI', 'Noto Sans', 'Noto Sans CJK JP', sans-serif" font-size="17">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="100%" height="100%" fill="${color.page}"/>`,
    `<text x="16" y="32" fill="${color.text}" font-size="20" font-weight="700">${escaped(title)}</text>`,
    `<text x="16" y="57" fill="${color.quiet}" font-size="16">${escaped(subtitle)}</text>`,
    ...axis,
    ...rows,
    '</svg>\n',
  ].join('\n');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
