/** Loads usage for the page *Usage*: by the dimension that the reader chose, in sum, and by ending. */
import { type Counts, call, type SeriesGroup, type UsageDocument } from '../api/client.ts';
import { serverClock } from '../api/server-clock.ts';
import { t } from '../i18n/texts.ts';
import { hourMs, startOfStep, stepFor, type TimeStep } from './time-steps.ts';

export type Dimension = keyof typeof t.usage.dimensions;

export const spans = {
  '1h': hourMs,
  '24h': 24 * hourMs,
  '7d': 7 * 24 * hourMs,
  '30d': 30 * 24 * hourMs,
  '90d': 90 * 24 * hourMs,
  '1y': 366 * 24 * hourMs,
} as const;
export type Span = keyof typeof spans;

/** `custom`: from and to are moments. */
export type Range = Span | { readonly fromMs: number; readonly toMs: number };

/** Usage of these only. The label is what the reader sees. */
export type Filters = Readonly<
  Partial<Record<Dimension, { readonly value: string; readonly label: string }>>
>;

export interface UsageView {
  readonly step: TimeStep;
  readonly fromMs: number;
  readonly toMs: number;
  /** The largest groups over time, and the rest as one series. */
  readonly chart: UsageDocument;
  /** Many groups, each with its total only. */
  readonly table: UsageDocument;
  readonly sum: UsageDocument;
  readonly byEnding: UsageDocument;
  /** The groups of the table over time, which can be a large document. */
  readonly loadAll: () => Promise<UsageDocument>;
}

const chartGroups = 8;
const tableGroups = 200;
const timeZone = Intl.DateTimeFormat().resolvedOptions().timeZone;

export async function loadUsage(
  range: Range,
  by: Dimension,
  filters: Filters,
  widthPixels: number,
): Promise<UsageView> {
  const { fromMs, toMs, step } = timesOf(range, widthPixels);
  const ask = (
    ownStep: TimeStep | 'total',
    groups: number,
    dimension?: Dimension,
  ): Promise<UsageDocument> => {
    const query = new URLSearchParams({
      from: new Date(fromMs).toISOString(),
      to: new Date(toMs).toISOString(),
      step: ownStep,
      timeZone,
      groups: String(groups),
    });
    if (dimension !== undefined) query.append('by', dimension);
    for (const [name, { value }] of Object.entries(filters)) query.append(name, value);
    return call('GET', `api/v1/usage?${query}`);
  };
  const [chart, table, sum, byEnding] = await Promise.all([
    ask(step, chartGroups, by),
    ask('total', tableGroups, by),
    ask(step, 1),
    ask(step, chartGroups, 'ending'),
  ]);
  return { step, fromMs, toMs, chart, table, sum, byEnding, loadAll: () => ask(step, tableGroups, by) };
}

function timesOf(
  range: Range,
  widthPixels: number,
): { readonly fromMs: number; readonly toMs: number; readonly step: TimeStep } {
  if (typeof range !== 'string') return { ...range, step: stepFor(range.toMs - range.fromMs, widthPixels) };
  const toMs = serverClock.nowMs();
  const step = stepFor(spans[range], widthPixels);
  // A first point that covers only a part of its day would look like a day with little use.
  return { fromMs: startOfStep(toMs - spans[range], step), toMs, step };
}

export function groupName(group: SeriesGroup | 'other', by: Dimension): string {
  if (group === 'other') return t.usage.other;
  const { key } = group;
  if (by === 'key' && key !== undefined)
    return key.label ?? (key.id === 'flm-chat' ? t.usage.chat : key.id || t.usage.unnamed);
  const value = groupValue(group, by);
  return value === undefined ? t.usage.unnamed : value;
}

/** What a filter for this group has; undefined if the group has no value of its own. */
export function groupValue(group: SeriesGroup | 'other', by: Dimension): string | undefined {
  if (group === 'other') return undefined;
  const value = by === 'key' ? group.key?.id : group[by];
  return value === '' ? undefined : value;
}

export function tokensOf({ inputTokens, outputTokens }: Counts): number {
  return inputTokens + outputTokens;
}
