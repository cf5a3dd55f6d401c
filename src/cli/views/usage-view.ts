/**
 * What `flm usage` shows: one line for each group and time, as a table, a JSON document or CSV. Keys, models, engines and
 * endings with the most tokens come first; times are in order.
 */
import { csvText } from '../../core/csv.ts';
import {
  firstByteQuantile,
  noUsage,
  type UsageCounts,
  type UsageDimension,
  type UsageGroup,
  type UsageSlot,
  usageReport,
} from '../../core/usage/usage-report.ts';
import { stepName } from '../../core/usage/usage-steps.ts';
import { t } from '../i18n/texts.ts';
import { bar, type ChartMarks, condensed, sparkline } from '../terminal/chart.ts';
import { type Column, printable, table, textWidth } from '../terminal/layout.ts';
import { amount } from '../terminal/units.ts';
import { startsOf, type TimeGrouping, trendStep, type UsageAsk } from '../usage-query.ts';

const texts = t.usage;

/** Labels of all keys, including ended ones. A deleted key has only its id. */
export type KeyLabels = ReadonlyMap<string, string>;

export interface UsageLine {
  readonly group: UsageGroup | 'other';
  /** Undefined without a grouping by time. */
  readonly startMs: number | undefined;
  readonly counts: UsageCounts;
  /** Tokens over the range, for a line without a time. */
  readonly trend: readonly number[];
}

export interface UsageLines {
  readonly ask: UsageAsk;
  readonly lines: readonly UsageLine[];
  readonly total: UsageCounts;
}

const sparklineCells = 31;
const maxBarCells = 40;
const minChartCells = 8;

export function usageLines(slots: readonly UsageSlot[], ask: UsageAsk): UsageLines {
  const { time, timeZone, maxGroups = Number.POSITIVE_INFINITY } = ask;
  const step = time ?? trendStep(ask);
  const { series, total } = usageReport(slots, { step, timeZone, maxGroups });
  const starts = startsOf(ask, step);
  if (time === undefined) {
    const lines = series.map(({ group, points, total: counts }): UsageLine => {
      const byStart = new Map(points.map((point) => [point.startMs, tokens(point)]));
      return { group, startMs: undefined, counts, trend: starts.map((start) => byStart.get(start) ?? 0) };
    });
    return { ask, lines, total };
  }
  const lines = series.flatMap(({ group, points }) =>
    points.map((point): UsageLine => ({ group, startMs: point.startMs, counts: point, trend: [] })),
  );
  if (ask.dimensions.length > 0) return { ask, lines: sorted(lines, ask), total };
  // Without other groups, times without usage after the first one are lines too.
  const byStart = new Map(lines.map((line) => [line.startMs, line]));
  const [first] = lines;
  const filled = starts
    .filter((startMs) => first?.startMs !== undefined && startMs >= first.startMs)
    .map((startMs) => byStart.get(startMs) ?? { group: {}, startMs, counts: noUsage, trend: [] });
  return { ask, lines: filled, total };
}

/** In the order of the groupings: times rise, other values are those with the most tokens first. */
function sorted(lines: readonly UsageLine[], { by }: UsageAsk): readonly UsageLine[] {
  const weights = new Map<string, number>();
  const weightName = (name: UsageDimension, line: UsageLine): string =>
    `${name}\n${line.group === 'other' ? '' : line.group[name]}`;
  for (const name of by)
    if (!isTime(name))
      for (const line of lines) {
        const at = weightName(name, line);
        weights.set(at, (weights.get(at) ?? 0) + tokens(line.counts));
      }
  const isOther = (line: UsageLine): number => (line.group === 'other' ? 1 : 0);
  return lines.toSorted((a, b) => {
    for (const name of by) {
      if (isTime(name)) {
        if (a.startMs !== b.startMs) return (a.startMs ?? 0) - (b.startMs ?? 0);
        continue;
      }
      if (isOther(a) !== isOther(b)) return isOther(a) - isOther(b);
      const [one, two] = [weightName(name, a), weightName(name, b)];
      if (one !== two) return (weights.get(two) ?? 0) - (weights.get(one) ?? 0) || (one < two ? -1 : 1);
    }
    return 0;
  });
}

// --- text

export interface UsageTextOptions {
  readonly labels: KeyLabels;
  readonly columns: number;
  /** Absent: no charts, and exact numbers. */
  readonly marks?: ChartMarks;
}

export function usageText(
  { ask, lines, total }: UsageLines,
  { labels, columns, marks }: UsageTextOptions,
): { readonly text: string; readonly hasCharts: boolean } {
  const names = ask.by.map(
    (name): Column => ({ name: texts.columns[name], ...(isTime(name) ? { fixed: true } : {}) }),
  );
  if (names[0] !== undefined) names[0] = { ...names[0], fixed: true };
  const numbers: Column[] = [
    { name: texts.columns.requests, right: true, drop: 3 },
    { name: texts.columns.input, right: true, drop: 1 },
    { name: texts.columns.output, right: true, drop: 2 },
    { name: texts.columns.tokens, right: true },
    // Only where an engine reports its prompt cache.
    ...(total.cachePromptTokens > 0 ? [{ name: texts.columns.cached, right: true, drop: 0 }] : []),
  ];
  const head = [...names, ...numbers];
  const exact = marks === undefined;
  const rows = lines.map((line) => [
    ...ask.by.map((name) => cellOf(line, name, ask, labels)),
    ...numbersOf(line.counts, total, exact),
  ]);
  if (lines.length > 1)
    rows.push([texts.total, ...ask.by.slice(1).map(() => ''), ...numbersOf(total, total, exact)]);
  const plain = table(head, rows, columns);
  // In a very narrow terminal, each line has become a block.
  const tableLines = plain.split('\n');
  const without = { text: plain, hasCharts: false };
  if (marks === undefined || tableLines.length !== rows.length + 1) return without;
  const widest = largest(tableLines.map(textWidth));
  const cells = Math.min(maxBarCells, columns - widest - 2);
  if (cells < minChartCells) return without;
  const charts = [ask.time === undefined ? texts.columns.trend : '', ...chartsOf(lines, cells, marks)];
  const text = tableLines
    .map((line, i) => `${line}${' '.repeat(widest - textWidth(line))}  ${charts[i] ?? ''}`.trimEnd())
    .join('\n');
  return { text, hasCharts: true };
}

function chartsOf(lines: readonly UsageLine[], cells: number, marks: ChartMarks): readonly string[] {
  if (lines[0]?.startMs === undefined) {
    const trends = lines.map(({ trend }) => condensed(trend, Math.min(cells, sparklineCells)));
    // Each line has its own scale, because the numbers beside it show which group is the largest.
    return trends.map((trend) => sparkline(trend, largest(trend), marks));
  }
  const used = lines.map(({ counts }) => tokens(counts));
  // Requests that used no tokens are still a chart.
  const values = largest(used) > 0 ? used : lines.map(({ counts }) => counts.requests);
  const most = largest(values);
  return values.map((value) => bar(value, most, cells, marks));
}

function cellOf(
  { group, startMs }: UsageLine,
  name: UsageAsk['by'][number],
  ask: UsageAsk,
  labels: KeyLabels,
): string {
  if (isTime(name)) return stepName(startMs ?? 0, { step: name, timeZone: ask.timeZone });
  if (group === 'other') return texts.other;
  const value = group[name] ?? '';
  if (value === '') return texts.unnamed;
  return printable(name === 'key' ? texts.keyName(labels.get(value) ?? null, value) : value);
}

/** Programs read exact numbers. */
function numbersOf(counts: UsageCounts, total: UsageCounts, exact: boolean): readonly string[] {
  const mark = counts.estimatedRequests > 0 ? '~' : '';
  const text = exact ? String : amount;
  return [
    text(counts.requests),
    ...[counts.inputTokens, counts.outputTokens, tokens(counts)].map((n) => `${mark}${text(n)}`),
    ...(total.cachePromptTokens > 0 ? [cacheShare(counts)] : []),
  ];
}

function cacheShare({ cachedTokens, cachePromptTokens }: UsageCounts): string {
  return cachePromptTokens === 0 ? texts.unnamed : `${Math.round((cachedTokens / cachePromptTokens) * 100)}%`;
}

// --- JSON and CSV

/** The `--json` output for a line; documented in docs/cli.md. */
export function lineDocument(
  { group, startMs, counts }: UsageLine,
  { by, timeZone }: UsageAsk,
  labels: KeyLabels,
) {
  const named = group === 'other' ? { other: true } : {};
  const values = by.map((name): readonly [string, unknown] => {
    if (isTime(name)) return [name, timeText(startMs ?? 0, name, timeZone)];
    const value = group === 'other' ? undefined : (group[name] ?? '');
    if (value === undefined || name !== 'key') return [name, value];
    return [name, { id: value, label: labels.get(value) ?? null }];
  });
  return {
    ...Object.fromEntries(values.filter(([, value]) => value !== undefined)),
    ...named,
    ...countsDocument(counts),
  };
}

export function countsDocument(counts: UsageCounts) {
  return {
    requests: counts.requests,
    inputTokens: counts.inputTokens,
    outputTokens: counts.outputTokens,
    estimatedRequests: counts.estimatedRequests,
    durationMs: counts.durationMs,
    cachedTokens: counts.cachedTokens,
    cachePromptTokens: counts.cachePromptTokens,
    firstByteP50Ms: firstByteQuantile(counts, 0.5),
    firstByteP95Ms: firstByteQuantile(counts, 0.95),
  };
}

export function usageCsv({ ask, lines }: UsageLines, labels: KeyLabels): string {
  const { by, timeZone } = ask;
  const head = by.flatMap((name) => (name === 'key' ? ['key', 'label'] : [name]));
  const counts = Object.keys(countsDocument(noUsage));
  const rows = lines.map(({ group, startMs, counts: own }) => [
    ...by.flatMap((name) => {
      if (isTime(name)) return [timeText(startMs ?? 0, name, timeZone)];
      const value = group === 'other' ? texts.other : (group[name] ?? '');
      return name === 'key' ? [value, labels.get(value) ?? ''] : [value];
    }),
    ...Object.values(countsDocument(own)),
  ]);
  return csvText([[...head, ...counts], ...rows]);
}

/** An hour is a moment in UTC. A day or month is the one of the time zone. */
function timeText(ms: number, step: TimeGrouping, timeZone: string): string {
  return step === 'hour' ? new Date(ms).toISOString() : stepName(ms, { step, timeZone });
}

function isTime(name: UsageAsk['by'][number]): name is TimeGrouping {
  return name === 'hour' || name === 'day' || name === 'month';
}

function tokens({ inputTokens, outputTokens }: UsageCounts): number {
  return Math.min(inputTokens + outputTokens, Number.MAX_SAFE_INTEGER);
}

function largest(values: readonly number[]): number {
  return values.reduce((a, b) => Math.max(a, b), 0);
}
