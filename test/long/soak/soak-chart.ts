/**
 * Draws the samples of a soak as SVG, for a light or a dark page: memory, and handles with open files, of the process that
 * lives all the time, over the minutes of the run. A mark below says when a fault was injected. The picture needs no font
 * and no script.
 */
import type { ProxySample, Sample } from './samples.ts';

const themes = {
  light: {
    page: '#ffffff',
    text: '#1f2328',
    quiet: '#59636e',
    line: '#d1d9e0',
    first: '#0969da',
    second: '#bc4c00',
    mark: '#9aa4af',
  },
  dark: {
    page: '#0d1117',
    text: '#f0f6fc',
    quiet: '#9198a1',
    line: '#3d444d',
    first: '#4493f8',
    second: '#f0883e',
    mark: '#6e7681',
  },
} as const;
export type ChartTheme = keyof typeof themes;

const width = 760;
const left = 80;
const right = 20;
const panelHeight = 150;
const tops = [92, 312] as const;
const marksTop = 478;
const height = 540;

interface Line {
  readonly name: string;
  readonly color: 'first' | 'second';
  readonly valueOf: (sample: ProxySample) => number;
}

const MiB = 1024 * 1024;
const memoryLines: readonly Line[] = [
  { name: 'resident memory', color: 'first', valueOf: ({ residentBytes }) => residentBytes / MiB },
  { name: 'JavaScript heap', color: 'second', valueOf: ({ heapUsed }) => heapUsed / MiB },
];
const countLines: readonly Line[] = [
  { name: 'open files', color: 'first', valueOf: ({ openFiles }) => openFiles },
  { name: 'handles', color: 'second', valueOf: ({ handles }) => handles },
];

interface Scale {
  readonly ticks: readonly number[];
  /** From the bottom of the panel, 0 to 1. */
  readonly place: (value: number) => number;
}

export function soakChart(
  samples: readonly Sample[],
  { title, subtitle }: { readonly title: string; readonly subtitle: string },
  theme: ChartTheme,
): string {
  const color = themes[theme];
  const minutes = Math.max(1, (samples.at(-1)?.seconds ?? 0) / 60);
  const x = (seconds: number): number => rounded(left + (seconds / 60 / minutes) * (width - left - right));
  const known = samples.flatMap(({ seconds, proxies: { steady } }) =>
    steady === undefined ? [] : [{ seconds, steady }],
  );
  const panel = (top: number, heading: string, lines: readonly Line[], scale: Scale): string => {
    const y = (value: number): number => rounded(top + panelHeight * (1 - scale.place(value)));
    const axis = scale.ticks.map(
      (tick) =>
        `<path d="M${left} ${y(tick)}H${width - right}" stroke="${color.line}"/>` +
        `<text x="${left - 8}" y="${y(tick) + 5}" text-anchor="end" fill="${color.quiet}">${tick.toLocaleString('en-US')}</text>`,
    );
    const drawn = lines.map((line) => {
      const points = known.map(({ seconds, steady }) => `${x(seconds)} ${y(line.valueOf(steady))}`);
      return `<path d="M${points.join('L')}" fill="none" stroke="${color[line.color]}" stroke-width="1.6" stroke-linejoin="round"/>`;
    });
    const names = lines.map(
      (line, n) =>
        `<text x="${width - right - 150 * (lines.length - 1 - n)}" y="${top - 12}" text-anchor="end" fill="${color[line.color]}" font-weight="700">${line.name}</text>`,
    );
    return [
      `<text x="${left}" y="${top - 12}" fill="${color.text}">${heading}</text>`,
      ...axis,
      ...drawn,
      ...names,
    ].join('\n');
  };
  const memory = linear(known.map(({ steady }) => Math.max(...memoryLines.map((l) => l.valueOf(steady)))));
  const counts = logarithmic(known.flatMap(({ steady }) => countLines.map((l) => l.valueOf(steady))));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" font-family="system-ui, -apple-system, 'Segoe UI', 'Noto Sans', sans-serif" font-size="14">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="100%" height="100%" fill="${color.page}"/>`,
    `<text x="16" y="30" fill="${color.text}" font-size="19" font-weight="700">${escaped(title)}</text>`,
    `<text x="16" y="54" fill="${color.quiet}" font-size="15">${escaped(subtitle)}</text>`,
    panel(tops[0], 'MiB', memoryLines, memory),
    panel(tops[1], 'number, logarithmic', countLines, counts),
    ...faultSpans(samples).map(
      ([from, to]) =>
        `<path d="M${x(from)} ${marksTop + 5}H${Math.max(x(to), x(from) + 1)}" stroke="${color.mark}" stroke-width="10"/>`,
    ),
    `<text x="${left - 8}" y="${marksTop + 10}" text-anchor="end" fill="${color.quiet}">faults</text>`,
    ...timeTicks(minutes).map(
      (tick) =>
        `<text x="${x(tick * 60)}" y="${marksTop + 36}" text-anchor="middle" fill="${color.quiet}">${tick}${tick === 0 ? ' min' : ''}</text>`,
    ),
    '</svg>\n',
  ].join('\n');
}

/** When a fault was injected, from the first to the last sample of it. */
function faultSpans(samples: readonly Sample[]): readonly (readonly [from: number, to: number])[] {
  const spans: [number, number][] = [];
  let current: string | null = null;
  for (const { fault, seconds } of samples) {
    const last = spans.at(-1);
    if (fault !== null && fault === current && last !== undefined) last[1] = seconds;
    else if (fault !== null) spans.push([seconds, seconds]);
    current = fault;
  }
  return spans;
}

function timeTicks(minutes: number): readonly number[] {
  const step = [1, 2, 5, 10, 20, 30, 60, 120].find((s) => minutes / s <= 8) ?? 240;
  return Array.from({ length: Math.floor(minutes / step) + 1 }, (_, n) => n * step);
}

function linear(values: readonly number[]): Scale {
  const most = Math.max(1, ...values);
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000].find((s) => most / s <= 5) ?? most;
  const top = step * Math.ceil(most / step);
  const ticks = Array.from({ length: Math.round(top / step) + 1 }, (_, n) => n * step);
  return { ticks, place: (value) => value / top };
}

/** Whole decades: ten thousand connections and ten handles are in one picture. */
function logarithmic(values: readonly number[]): Scale {
  const decades = Math.max(1, Math.ceil(Math.log10(Math.max(10, ...values))));
  const ticks = Array.from({ length: decades + 1 }, (_, n) => 10 ** n);
  return { ticks, place: (value) => Math.log10(Math.max(1, value)) / decades };
}

function rounded(n: number): number {
  return Math.round(n * 10) / 10;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
