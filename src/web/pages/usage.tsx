/** Usage: charts and a table over a time range, grouped by key, model, engine or ending, and limited to some of them. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { serverClock } from '../api/server-clock.ts';
import { Show, useLive } from '../components/loaded.tsx';
import { Choice, Empty } from '../components/parts.tsx';
import { type Measure, UsageCharts } from '../components/usage-charts.tsx';
import {
  type Dimension,
  type Filters,
  loadUsage,
  type Range,
  type Span,
} from '../components/usage-report.ts';
import { UsageTable } from '../components/usage-table.tsx';
import { t } from '../i18n/texts.ts';

const refreshMs = 15_000;
const dimensions = Object.keys(t.usage.dimensions) as readonly Dimension[];

export function UsagePage() {
  const [range, setRange] = useState<Range>('24h');
  const [by, setBy] = useState<Dimension>('key');
  const [measure, setMeasure] = useState<Measure>('tokens');
  const [filters, setFilters] = useState<Filters>({});
  const [width, place] = useWidth();
  // What was used before the end of such a range does not change.
  const isOver = typeof range !== 'string' && range.toMs <= serverClock.nowMs();
  const [loaded] = useLive(() => loadUsage(range, by, filters, width), isOver ? undefined : refreshMs, [
    JSON.stringify(range),
    by,
    JSON.stringify(filters),
    width,
  ]);
  const select = (name: Dimension, value: string, label: string) =>
    setFilters((before) => ({ ...before, [name]: { value, label } }));
  return (
    <div ref={place}>
      <div class="bar">
        <RangeChoice range={range} onChange={setRange} />
        <Choice label={t.usage.by} value={by} options={t.usage.dimensions} onChange={setBy} />
        <Choice label={t.usage.measure} value={measure} options={t.usage.measures} onChange={setMeasure} />
      </div>
      <FilterList filters={filters} onChange={setFilters} />
      <Show loaded={loaded}>
        {(view) =>
          view.table.series.length === 0 ? (
            <Empty title={t.usage.empty} hint={t.usage.emptyHint} command="flm chat" />
          ) : (
            <>
              <UsageCharts view={view} by={by} measure={measure} onSelect={select} />
              <UsageTable usage={view.table} by={by} onSelect={select} loadAll={view.loadAll} />
            </>
          )
        }
      </Show>
    </div>
  );
}

/** The width of the content, in steps, so that the resolution of a chart does not change with each pixel. */
function useWidth(): [number, { readonly current: HTMLDivElement | null }] {
  const place = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(() => Math.min(innerWidth, 1_280));
  useEffect(() => {
    const element = place.current;
    if (element === null) return undefined;
    const observer = new ResizeObserver(() => setWidth(Math.floor(element.clientWidth / 100) * 100));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [width, place];
}

function RangeChoice({ range, onChange }: { range: Range; onChange: (range: Range) => void }) {
  const isCustom = typeof range !== 'string';
  const chosen = (value: Span | 'custom') => {
    if (value !== 'custom') onChange(value);
    else onChange({ fromMs: startOfDay(serverClock.nowMs(), -6), toMs: startOfDay(serverClock.nowMs(), 1) });
  };
  return (
    <>
      <Choice
        label={t.usage.range}
        value={isCustom ? 'custom' : range}
        options={t.usage.ranges}
        onChange={chosen}
      />
      {isCustom ? (
        <>
          <Day
            label={t.usage.from}
            ms={range.fromMs}
            onChange={(fromMs) => fromMs < range.toMs && onChange({ ...range, fromMs })}
          />
          <Day
            label={t.usage.until}
            ms={startOfDay(range.toMs, -1)}
            onChange={(ms) => {
              const toMs = startOfDay(ms, 1);
              if (toMs > range.fromMs) onChange({ ...range, toMs });
            }}
          />
        </>
      ) : null}
    </>
  );
}

function Day({ label, ms, onChange }: { label: string; ms: number; onChange: (ms: number) => void }) {
  return (
    <label class="choice">
      <span>{label}</span>
      <input
        type="date"
        required
        value={dayOf(ms)}
        onChange={({ currentTarget: { value } }) => {
          // Without a time zone: midnight here. It is empty while the reader types.
          const chosen = new Date(`${value}T00:00`).getTime();
          if (!Number.isNaN(chosen)) onChange(chosen);
        }}
      />
    </label>
  );
}

/** Midnight of the day that contains `ms`, or of a day before or after it. */
function startOfDay(ms: number, daysLater: number): number {
  const at = new Date(ms);
  at.setHours(0, 0, 0, 0);
  at.setDate(at.getDate() + daysLater);
  return at.getTime();
}

/** `2026-11-27`, in the time zone of the browser. */
function dayOf(ms: number): string {
  const at = new Date(ms);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

function FilterList({ filters, onChange }: { filters: Filters; onChange: (filters: Filters) => void }) {
  const shown = dimensions.flatMap((name) => {
    const filter = filters[name];
    return filter === undefined ? [] : [{ name, label: filter.label }];
  });
  if (shown.length === 0) return null;
  const without = (gone: Dimension): Filters =>
    Object.fromEntries(Object.entries(filters).filter(([name]) => name !== gone));
  return (
    <ul class="chips" aria-label={t.usage.filters}>
      {shown.map(({ name, label }) => (
        <li key={name}>
          <button type="button" class="quiet" onClick={() => onChange(without(name))}>
            {t.usage.removeFilter(t.usage.dimensions[name], label)}
          </button>
        </li>
      ))}
    </ul>
  );
}
