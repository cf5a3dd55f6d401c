/**
 * `flm usage`: requests and tokens over time, by key, model, engine and ending. If an engine reported no usage, the number
 * is flm's estimate and has a `~`. Hours, days and months are those of the reader's time zone.
 */
import type { Command } from 'commander';
import { chatUsage } from '../../app/fan-out-recorder.ts';
import { endings } from '../../core/proxy/proxy-handle.ts';
import type { UsageQuery } from '../../core/usage/usage-report.ts';
import { stepName, storedTimes } from '../../core/usage/usage-steps.ts';
import { action, type Cli, leaf, type Session, usageError } from '../command.ts';
import { collect } from '../config-flags.ts';
import { t } from '../i18n/texts.ts';
import { chartMarks } from '../terminal/chart.ts';
import { hanging } from '../terminal/layout.ts';
import { trendStep, type UsageAsk, type UsageFlags, usageAsk, usageGroupings } from '../usage-query.ts';
import {
  countsDocument,
  type KeyLabels,
  lineDocument,
  type UsageLines,
  usageCsv,
  usageLines,
  usageText,
} from '../views/usage-view.ts';

const texts = t.usage;

const examples = [
  'flm usage --days 7 --by model',
  'flm usage --by hour --key laptop',
  'flm usage --by key,month --from 2026-01-01 --csv > usage.csv',
].join('\n');

export function usageCommand(cli: Cli): Command {
  return leaf('usage', texts.help, examples)
    .option('--by <what>', texts.options.by(usageGroupings.join(', ')), collect)
    .option('--hours <number>', texts.options.hours)
    .option('--days <number>', texts.options.days)
    .option('--from <time>', texts.options.from)
    .option('--to <time>', texts.options.to)
    .option('--key <label|id>', texts.options.key, collect)
    .option('--model <name>', texts.options.model, collect)
    .option('--engine <id>', texts.options.engine, collect)
    .option('--ending <ending>', texts.options.ending(endings.join(', ')), collect)
    .option('--top <number>', texts.options.top)
    .option('--time-zone <name>', texts.options.timeZone)
    .option('--csv', texts.options.csv)
    .action(action(cli, (session, flags: UsageFlags) => showUsage(session, flags)));
}

async function showUsage(session: Session, flags: UsageFlags): Promise<void> {
  const { flm, terminal, json } = session;
  if (json && flags.csv === true) throw usageError('usage', t.flags.jsonOrCsv);
  const ask = usageAsk(flags, flm.machine.clock.nowMs());
  const slots = await flm.usage.usageSlots({
    fromMs: ask.fromMs,
    toMs: ask.toMs,
    by: ask.dimensions,
    where: await filtersOf(session, flags),
    ...(ask.maxGroups === undefined ? {} : { maxGroups: ask.maxGroups }),
    ...storedTimes({ step: ask.time ?? trendStep(ask), timeZone: ask.timeZone }, ask.fromMs, ask.toMs),
  });
  const lines = usageLines(slots, ask);
  const labels: KeyLabels = ask.dimensions.includes('key') ? await labelsOf(session, lines) : new Map();
  if (json) return terminal.out(JSON.stringify(documentOf(lines, labels)));
  if (flags.csv === true) return terminal.write(usageCsv(lines, labels));
  if (lines.lines.length === 0) return terminal.out(texts.none(edge(ask, ask.fromMs), ask.timeZone));
  const { tableColumns: columns } = terminal;
  const marks = terminal.outIsTerminal ? { marks: chartMarks(session.cli.environment) } : {};
  const { text, hasCharts } = usageText(lines, { labels, columns, ...marks });
  terminal.out(text);
  for (const note of notes(lines, hasCharts)) terminal.talk(hanging('', note, terminal.columns));
}

function notes({ ask, total }: UsageLines, hasCharts: boolean): readonly string[] {
  const to = ask.hasEnd ? edge(ask, ask.toMs) : undefined;
  const since = texts.since(edge(ask, ask.fromMs), to, ask.timeZone);
  return [
    hasCharts && ask.time === undefined ? texts.sinceAndTrend(since, texts.trend(trendStep(ask))) : since,
    ...(total.estimatedRequests > 0 ? [texts.estimated] : []),
  ];
}

/** The day, and the time where it is not midnight. */
function edge({ timeZone }: UsageAsk, ms: number): string {
  const text = stepName(ms, { step: 'hour', timeZone });
  return text.endsWith(' 00:00') ? text.slice(0, -6) : text;
}

/** The JSON document; described in docs/cli.md. */
function documentOf({ ask, lines, total }: UsageLines, labels: KeyLabels) {
  const { by, fromMs, toMs, timeZone } = ask;
  return {
    from: stepName(fromMs, { step: 'day', timeZone }),
    fromTime: new Date(fromMs).toISOString(),
    toTime: new Date(toMs).toISOString(),
    timeZone,
    by: by.join(','),
    usage: lines.map((line) => lineDocument(line, ask, labels)),
    total: countsDocument(total),
  };
}

async function filtersOf(session: Session, flags: UsageFlags): Promise<UsageQuery['where']> {
  const { key, model, engine, ending } = flags;
  const keys =
    key === undefined ? undefined : (await Promise.all(key.map((name) => idsOf(session, name)))).flat();
  return {
    ...(keys === undefined ? {} : { key: keys }),
    ...(model === undefined ? {} : { model }),
    ...(engine === undefined ? {} : { engine }),
    ...(ending === undefined ? {} : { ending }),
  };
}

/** The ids of a key and of the keys that it was rotated from or to. A deleted key is known by its id. */
async function idsOf({ flm }: Session, name: string): Promise<readonly string[]> {
  if (name === texts.chat || name === chatUsage.keyId) return [chatUsage.keyId];
  const records = await flm.security.records();
  if (name.startsWith('key_') && !records.some(({ id }) => id === name)) return [name];
  const { familyId } = await flm.security.findKey(name);
  return records.filter((record) => record.familyId === familyId).map(({ id }) => id);
}

async function labelsOf({ flm }: Session, { lines }: UsageLines): Promise<KeyLabels> {
  const ids = lines.flatMap(({ group }) => (group === 'other' || group.key === undefined ? [] : [group.key]));
  return new Map([...(await flm.security.keyLabels([...new Set(ids)])), [chatUsage.keyId, texts.chat]]);
}
