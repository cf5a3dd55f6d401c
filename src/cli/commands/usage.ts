/**
 * `flm usage`: requests and tokens by key, model or day. If an engine reported no usage, the number is flm's estimate
 * and has a `~`.
 */
import { type Command, Option } from 'commander';
import { chatUsage } from '../../app/fan-out-recorder.ts';
import type { UsageRow } from '../../core/security/ports.ts';
import { dayOf } from '../../core/time-text.ts';
import { action, type Cli, leaf, type Session, usageError } from '../command.ts';
import { printable, table } from '../terminal/layout.ts';

const groupings = ['key', 'model', 'day'] as const;
type Grouping = (typeof groupings)[number];

interface UsageFlags {
  readonly days?: string;
  readonly from?: string;
  readonly by: Grouping;
}

interface Counts {
  readonly requests: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly estimatedRequests: number;
}

/** The `--json` output for a group; documented in docs/cli.md. */
interface UsageDocument extends Counts {
  readonly key?: { readonly id: string; readonly label: string | null };
  readonly model?: string;
  readonly day?: string;
}

const defaultDays = 30;
const dayMs = 86_400_000;

export function usageCommand(cli: Cli): Command {
  return leaf('usage', 'show requests and tokens by key, model or day', 'flm usage --days 7 --by model')
    .option('--days <number>', `number of days (UTC), including today; ${defaultDays} by default`)
    .option('--from <day>', 'first day (UTC), such as 2026-11-01')
    .addOption(new Option('--by <what>', 'group by').choices(groupings).default('key'))
    .action(
      action(cli, async (session, flags: UsageFlags) => {
        const from = firstDay(flags, session.flm.machine.clock.nowMs());
        const rows = await session.flm.usage.listUsage(from);
        const groups = grouped(rows, flags.by, flags.by === 'key' ? await labels(session) : new Map());
        const total = rows.reduce(sum, nothing);
        if (session.json)
          return session.terminal.out(JSON.stringify({ from, by: flags.by, usage: groups, total }));
        if (groups.length === 0) return session.terminal.out(`No usage since ${from}.`);
        session.terminal.out(usageText(groups, total, flags.by, session.terminal.tableColumns));
        session.terminal.talk(
          `Since ${from} (UTC).${total.estimatedRequests > 0 ? ' ~ is an estimate: an engine reported no usage, or a client left early.' : ''}`,
        );
      }),
    );
}

function firstDay(flags: UsageFlags, nowMs: number): string {
  if (flags.days !== undefined && flags.from !== undefined)
    throw usageError('usage', 'Either give --days or --from, not both.');
  if (flags.from !== undefined) {
    const day = dayOf(flags.from);
    if (day === undefined) throw usageError('usage', '--from takes a day such as 2026-11-01.');
    return day;
  }
  const days = Number(flags.days ?? defaultDays);
  if (!Number.isInteger(days) || days < 1 || days > 36_500)
    throw usageError('usage', '--days takes a number of days, 1 or more.');
  return new Date(nowMs - (days - 1) * dayMs).toISOString().slice(0, 10);
}

/** Labels of all keys, including ended ones. A deleted key has only its id. */
async function labels(session: Session): Promise<ReadonlyMap<string, string>> {
  const keys = await session.flm.security.records();
  return new Map([
    ...keys.map((record) => [record.id, record.label] as const),
    [chatUsage.keyId, 'flm chat'] as const,
  ]);
}

/** Days in order; keys and models with the most tokens first. */
export function grouped(
  rows: readonly UsageRow[],
  by: Grouping,
  labelOf: ReadonlyMap<string, string>,
): readonly UsageDocument[] {
  const names = {
    key: (r: UsageRow) => r.keyId,
    model: (r: UsageRow) => r.model,
    day: (r: UsageRow) => r.day,
  };
  const groups = [...Map.groupBy(rows, names[by])].map(([name, members]): UsageDocument => {
    const counts = members.reduce(sum, nothing);
    if (by === 'key') return { key: { id: name, label: labelOf.get(name) ?? null }, ...counts };
    return by === 'model' ? { model: name, ...counts } : { day: name, ...counts };
  });
  if (by === 'day') return groups;
  return groups.sort((a, b) => tokens(b) - tokens(a) || b.requests - a.requests);
}

export function usageText(
  groups: readonly UsageDocument[],
  total: Counts,
  by: Grouping,
  columns = Number.POSITIVE_INFINITY,
): string {
  const line = (name: string, c: Counts): readonly string[] => {
    const mark = c.estimatedRequests > 0 ? '~' : '';
    const numbers = [c.inputTokens, c.outputTokens, tokens(c)].map((n) => `${mark}${n}`);
    return [name, String(c.requests), ...numbers];
  };
  const rows = groups.map((g) => line(nameOf(g), g));
  if (groups.length > 1) rows.push(line('total', total));
  return table([by.toUpperCase(), 'REQUESTS', 'TOKENS IN', 'TOKENS OUT', 'TOKENS'], rows, columns);
}

function nameOf(group: UsageDocument): string {
  const { key, model, day } = group;
  if (key !== undefined)
    return printable(key.label === null ? `${key.id} (gone)` : `${key.label} (${key.id})`);
  return printable(model ?? day ?? '');
}

const nothing: Counts = { requests: 0, inputTokens: 0, outputTokens: 0, estimatedRequests: 0 };

/** The numbers come from engines and may be wrong. The sum stays in the range that JSON holds exactly. */
function sum(a: Counts, b: Counts): Counts {
  const add = (x: number, y: number): number => Math.min(x + y, Number.MAX_SAFE_INTEGER);
  return {
    requests: add(a.requests, b.requests),
    inputTokens: add(a.inputTokens, b.inputTokens),
    outputTokens: add(a.outputTokens, b.outputTokens),
    estimatedRequests: add(a.estimatedRequests, b.estimatedRequests),
  };
}

function tokens(c: Counts): number {
  return Math.min(c.inputTokens + c.outputTokens, Number.MAX_SAFE_INTEGER);
}
