/** The table of the page *Usage*: a row for each group, sorted as the reader chose, with totals and a CSV file. */
import { useState } from 'preact/hooks';
import { csvText } from '../../core/csv.ts';
import type { Counts, UsageDocument } from '../api/client.ts';
import type { Catalogue } from '../i18n/catalogue.ts';
import { en } from '../i18n/en.ts';
import { t } from '../i18n/texts.ts';
import { atMost, count, number, percent } from './format.ts';
import { Problem } from './loaded.tsx';
import { saveCsvFile } from './save-file.ts';
import { TableFrame } from './table-frame.tsx';
import type { Select } from './usage-charts.tsx';
import { type Dimension, groupName, groupValue } from './usage-report.ts';

interface Column {
  readonly title: (texts: Catalogue) => string;
  readonly value: (counts: Counts) => number | null;
  readonly text: (value: number | null) => string;
  /** Its values can be estimates. */
  readonly isTokens?: true;
  /** Instead of the exact number. */
  readonly detail?: (counts: Counts) => string;
}

const countText = (value: number | null): string => count(value ?? 0);
const columns: readonly Column[] = [
  { title: (texts) => texts.usage.requests, value: (c) => c.requests, text: countText },
  { title: (texts) => texts.usage.inputTokens, value: (c) => c.inputTokens, text: countText, isTokens: true },
  {
    title: (texts) => texts.usage.outputTokens,
    value: (c) => c.outputTokens,
    text: countText,
    isTokens: true,
  },
  {
    title: (texts) => texts.usage.cacheHits,
    value: (c) => (c.cachePromptTokens === 0 ? null : c.cachedTokens / c.cachePromptTokens),
    text: (share) => (share === null ? '–' : percent(share)),
    detail: (c) =>
      c.cachePromptTokens === 0
        ? t.usage.cacheUnknown
        : t.usage.cacheDetail(number(c.cachedTokens), number(c.cachePromptTokens)),
  },
  { title: (texts) => texts.usage.p50, value: (c) => c.firstByteP50Ms, text: atMost },
  { title: (texts) => texts.usage.p95, value: (c) => c.firstByteP95Ms, text: atMost },
];

interface Sort {
  readonly column: Column;
  readonly isDescending: boolean;
}

export function UsageTable({
  usage,
  by,
  onSelect,
  loadAll,
}: {
  /** Totals. */
  usage: UsageDocument;
  by: Dimension;
  onSelect: Select;
  /** The same groups over time, for the file. */
  loadAll: () => Promise<UsageDocument>;
}) {
  const [problem, setProblem] = useState<unknown>();
  const [sort, setSort] = useState<Sort>();
  const sortBy = (column: Column) =>
    setSort((before) => ({ column, isDescending: before?.column !== column || !before.isDescending }));
  return (
    <>
      <TableFrame label={t.usage.title}>
        <table>
          <thead>
            <tr>
              <th scope="col">{t.usage.dimensions[by]}</th>
              {columns.map((column) => (
                <th scope="col" class="number" key={column.title(t)} aria-sort={directionOf(sort, column)}>
                  <button type="button" class="plain" onClick={() => sortBy(column)}>
                    {column.title(t)}
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {sorted(usage.series, sort).map(({ group, total }) => (
              <Row
                key={JSON.stringify(group)}
                name={groupName(group, by)}
                isModel={by === 'model'}
                value={groupValue(group, by)}
                counts={total}
                onSelect={(value, label) => onSelect(by, value, label)}
              />
            ))}
          </tbody>
          <tfoot>
            <Row name={t.usage.total} counts={usage.total} />
          </tfoot>
        </table>
      </TableFrame>
      {usage.total.estimatedRequests > 0 ? <p class="note">{t.usage.estimated}</p> : null}
      {problem === undefined ? null : <Problem error={problem} />}
      <button type="button" onClick={() => void loadAll().then((all) => saveCsv(all, by), setProblem)}>
        {t.usage.csv}
      </button>
    </>
  );
}

function Row({
  name,
  isModel = false,
  value: filter,
  counts,
  onSelect,
}: {
  name: string;
  isModel?: boolean;
  value?: string | undefined;
  counts: Counts;
  onSelect?: (value: string, label: string) => void;
}) {
  const mark = counts.estimatedRequests > 0 ? '~' : '';
  return (
    <tr>
      <th scope="row" class={isModel ? 'model' : undefined}>
        {filter === undefined ? (
          name
        ) : (
          <button
            type="button"
            class="plain"
            title={t.chart.only(name)}
            onClick={() => onSelect?.(filter, name)}
          >
            {name}
          </button>
        )}
      </th>
      {columns.map(({ title, value, text, isTokens, detail }) => {
        const exact = value(counts);
        return (
          <td
            class="number"
            key={title}
            title={detail?.(counts) ?? (exact === null ? undefined : number(exact))}
          >
            {isTokens === true ? mark : ''}
            {text(exact)}
          </td>
        );
      })}
    </tr>
  );
}

function directionOf(sort: Sort | undefined, column: Column): 'ascending' | 'descending' | undefined {
  if (sort?.column !== column) return undefined;
  return sort.isDescending ? 'descending' : 'ascending';
}

/** The order of the API, most tokens first, where the values are equal. `other` stays last. */
function sorted(series: UsageDocument['series'], sort: Sort | undefined): UsageDocument['series'] {
  if (sort === undefined) return series;
  const sortValue = (counts: Counts): number => sort.column.value(counts) ?? -1;
  const sign = sort.isDescending ? -1 : 1;
  return series.toSorted((a, b) => {
    if (a.group === 'other' || b.group === 'other') return a.group === 'other' ? 1 : -1;
    return sign * (sortValue(a.total) - sortValue(b.total));
  });
}

function saveCsv(usage: UsageDocument, by: Dimension): void {
  const rows = usage.series.flatMap(({ group, points }) =>
    points.map((point) => [point.start, groupName(group, by), ...columns.map(({ value }) => value(point))]),
  );
  // Programs read the file, so its columns have the same names in every language.
  const head = ['time', by, ...columns.map(({ title }) => title(en))];
  saveCsvFile(`flm-usage-${usage.from.slice(0, 10)}.csv`, csvText([head, ...rows]));
}
