/** How much of its limits a key uses now, and its usage of the last 30 days as a chart and a table. */
import type { OwnKeyDocument } from '../../core/security/own-key-document.ts';
import { serverClock } from '../api/server-clock.ts';
import { Chart } from '../components/chart.tsx';
import { count } from '../components/format.ts';
import { TableFrame } from '../components/table-frame.tsx';
import { t } from '../i18n/texts.ts';

const texts = t.guest.me;
const shownDays = 30;
const chartHeight = 200;

export function OwnLimits({ own: { limits, use } }: { own: OwnKeyDocument }) {
  const { tokensPerDay, tokensPerMinute, concurrency, requestsPerMinute, burst } = limits;
  const meters = [
    ...(tokensPerDay === null ? [] : [spent(texts.tokensPerDay, use.tokensToday, tokensPerDay)]),
    ...(tokensPerMinute === null || use.tokens === null
      ? []
      : [taken(texts.tokensPerMinute, use.tokens.remaining, tokensPerMinute)]),
    ...(burst === null || use.requests === null
      ? []
      : [
          {
            ...taken(texts.requests, use.requests.remaining, burst),
            hint: requestsPerMinute === null ? '' : texts.requestsHint(count(requestsPerMinute)),
          },
        ]),
    ...(concurrency === null ? [] : [spent(texts.concurrency, use.inProgress, concurrency)]),
  ];
  return (
    <section aria-labelledby="limits">
      <h2 id="limits">{texts.limits}</h2>
      {meters.length === 0 ? <p>{texts.noLimits}</p> : null}
      {meters.map(({ name, used, limit, text, hint }) => (
        <div class="limit" key={name}>
          <span>{name}</span>
          <meter aria-label={name} min={0} max={limit} value={used} high={limit * 0.9}>
            {text}
          </meter>
          <span>{text}</span>
          {hint === '' ? null : <small>{hint}</small>}
        </div>
      ))}
    </section>
  );
}

interface Meter {
  readonly name: string;
  readonly used: number;
  readonly limit: number;
  readonly text: string;
  readonly hint: string;
}

function spent(name: string, used: number, limit: number): Meter {
  return {
    name,
    used: Math.min(used, limit),
    limit,
    text: texts.usedOf(count(used), count(limit)),
    hint: '',
  };
}

/** A balance can be below zero: the last answer was longer than what was left. */
function taken(name: string, remaining: number, limit: number): Meter {
  return spent(name, Math.max(0, limit - Math.max(0, Math.floor(remaining))), limit);
}

export function OwnUsage({ usage }: Pick<OwnKeyDocument, 'usage'>) {
  return (
    <section aria-labelledby="usage">
      <h2 id="usage">{texts.usage}</h2>
      {usage === null ? <p>{texts.unreadable}</p> : null}
      {usage?.length === 0 ? <p>{texts.noUsage}</p> : null}
      {usage === null || usage.length === 0 ? null : <UsageOf usage={usage} />}
    </section>
  );
}

function UsageOf({ usage }: { usage: NonNullable<OwnKeyDocument['usage']> }) {
  const days = lastDays(serverClock.nowMs());
  const sum = (field: 'inputTokens' | 'outputTokens'): readonly number[] =>
    days.map((day) => usage.filter((row) => row.day === day).reduce((all, row) => all + row[field], 0));
  const bar = (name: string, colour: number, values: readonly number[]) => ({
    name,
    colour,
    values,
    summary: count(values.reduce((a, b) => a + b, 0)),
  });
  return (
    <>
      <Chart
        title={texts.tokens}
        label={texts.usageLabel}
        shape="bars"
        step="day"
        // A UTC day is drawn as the day with that date in the reader's zone.
        times={days.map((day) => new Date(`${day}T00:00:00`).getTime())}
        series={[bar(texts.tokensIn, 1, sum('inputTokens')), bar(texts.tokensOut, 3, sum('outputTokens'))]}
        format={count}
        height={chartHeight}
        cursor="own"
      />
      <TableFrame label={texts.byDay}>
        <table>
          <thead>
            <tr>
              <th scope="col">{texts.day}</th>
              <th scope="col">{t.guest.model}</th>
              <th scope="col" class="number">
                {texts.requestCount}
              </th>
              <th scope="col" class="number">
                {texts.tokensIn}
              </th>
              <th scope="col" class="number">
                {texts.tokensOut}
              </th>
            </tr>
          </thead>
          <tbody>
            {usage.toReversed().map((row) => (
              <tr key={`${row.day} ${row.model}`}>
                <td>{row.day}</td>
                <td class="model">{row.model}</td>
                <td class="number">{count(row.requests)}</td>
                <td class="number">{count(row.inputTokens)}</td>
                <td class="number">{count(row.outputTokens)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </TableFrame>
    </>
  );
}

/** UTC days as the server writes them, oldest first. */
function lastDays(nowMs: number): readonly string[] {
  return Array.from({ length: shownDays }, (_, i) => {
    const day = new Date(nowMs);
    day.setUTCDate(day.getUTCDate() - (shownDays - 1 - i));
    return day.toISOString().slice(0, 10);
  });
}
