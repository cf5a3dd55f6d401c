/** What was used: series over hours, days and months, and how long usage is kept. */
import { z } from 'zod';
import { AdminError } from '../../core/errors.ts';
import { endings } from '../../core/proxy/proxy-handle.ts';
import type { Retention } from '../../core/security/ports.ts';
import { changeRetention, longestRetention } from '../../core/usage/retention.ts';
import {
  firstByteQuantile,
  type UsageCounts,
  type UsageQuery,
  type UsageSeries,
  usageDimensions,
  usageReport,
} from '../../core/usage/usage-report.ts';
import { isTimeZone, storedTimes, type UsageStep, usageSteps } from '../../core/usage/usage-steps.ts';
import { type Operation, operation } from '../operation.ts';
import { countInQuery, listInQuery } from '../paging.ts';

const hourMs = 3_600_000;
const defaultSpanMs = 24 * hourMs;
/** Hours of 90 days, the time that hours are kept by default. */
const maxHours = 24 * 92;
const maxYears = 11;

const name = z.string().max(256);
const counts = {
  requests: z.int(),
  inputTokens: z.int(),
  outputTokens: z.int(),
  estimatedRequests: z.int().describe('Requests whose tokens are an estimate.'),
  durationMs: z.int().describe('Sum over the requests.'),
  cachedTokens: z.int().describe('Prompt tokens that engines took from their caches.'),
  cachePromptTokens: z
    .int()
    .describe('All prompt tokens of the requests whose engine reported its cache. 0: no engine did.'),
  firstByteP50Ms: z
    .number()
    .nullable()
    .describe(
      'Half of the requests had their first byte within this time. Null: none had one, or it took longer than 60 s.',
    ),
  firstByteP95Ms: z.number().nullable(),
};
const group = z
  .strictObject({
    key: z.strictObject({ id: z.string(), label: z.string().nullable() }).optional(),
    model: z.string().optional(),
    engine: z.string().optional(),
    ending: z.string().optional(),
  })
  .describe('The values of the dimensions that were asked for. An empty value was not recorded.');

const usageSchema = z
  .strictObject({
    from: z.iso.datetime(),
    to: z.iso.datetime(),
    step: z.enum(usageSteps),
    timeZone: z.string(),
    series: z.array(
      z.strictObject({
        group: z.union([group, z.literal('other')]).describe('`other`: every group beyond `groups`.'),
        points: z
          .array(z.strictObject({ start: z.iso.datetime(), ...counts }))
          .describe('In order of time. Points without usage are left out.'),
        total: z.strictObject(counts),
      }),
    ),
    total: z.strictObject(counts),
  })
  .meta({ id: 'Usage' });

const retainedDays = (name: keyof Retention) => z.int().min(1).max(longestRetention[name]);
const retentionSchema = z
  .strictObject({
    hourlyDays: retainedDays('hourlyDays').describe(
      'Days for which usage is kept by the hour; later by the day.',
    ),
    dailyDays: retainedDays('dailyDays').describe('Days for which usage is kept by the day.'),
    auditDays: retainedDays('auditDays').describe('Days for which the audit is kept.'),
  })
  .meta({ id: 'Retention' });

export const usageOperations: readonly Operation[] = [
  operation({
    id: 'getUsage',
    method: 'GET',
    path: '/usage',
    tag: 'usage',
    summary: 'Requests, tokens and latency over time, by key, model, engine or ending.',
    scope: 'admin:read',
    query: z.strictObject({
      from: z.iso
        .datetime({ offset: true })
        .optional()
        .describe('Inclusive. By default 24 hours before `to`.'),
      to: z.iso.datetime({ offset: true }).optional().describe('Exclusive. By default now.'),
      step: z.enum(usageSteps).default('hour'),
      by: listInQuery(z.enum(usageDimensions)).default([]).describe('One series for each value; repeatable.'),
      timeZone: z
        .string()
        .max(64)
        .default('UTC')
        .describe('IANA name. Days and months begin at midnight there.'),
      groups: countInQuery(200, 20).describe('At most so many series; the rest is one series `other`.'),
      key: listInQuery(name).optional().describe('Only these key ids.'),
      model: listInQuery(name).optional(),
      engine: listInQuery(name).optional(),
      ending: listInQuery(z.enum(endings)).optional(),
    }),
    status: 200,
    response: usageSchema,
    async run({ services, caller }, { query }) {
      const { step, timeZone, by, groups, key, model, engine, ending } = query;
      if (!isTimeZone(timeZone)) throw invalid('timeZone', timeZone, 'an IANA name, such as Europe/Berlin');
      const toMs = query.to === undefined ? services.nowMs() : Date.parse(query.to);
      const fromMs = query.from === undefined ? toMs - defaultSpanMs : Date.parse(query.from);
      checkSpan(fromMs, toMs, step);
      const limits = { key, model, engine, ending };
      const where = Object.fromEntries(
        Object.entries(limits).filter(([, values]) => values !== undefined),
      ) as UsageQuery['where'];
      const slots = await services.usage.usageSlots({
        fromMs: startOfHour(fromMs),
        toMs,
        by: [...new Set(by)],
        where,
        maxGroups: groups,
        ...storedTimes({ step, timeZone }, startOfHour(fromMs), toMs),
      });
      const report = usageReport(slots, { step, timeZone, maxGroups: groups });
      const labels = by.includes('key')
        ? await services.security(caller).keyLabels(keysIn(report.series))
        : new Map<string, string>();
      return {
        from: isoTime(fromMs),
        to: isoTime(toMs),
        step,
        timeZone,
        series: report.series.map(({ group: named, points, total }) => ({
          group: named === 'other' ? named : groupDocument(named, labels),
          points: points.map(({ startMs, ...rest }) => ({
            start: isoTime(startMs),
            ...countsDocument(rest),
          })),
          total: countsDocument(total),
        })),
        total: countsDocument(report.total),
      };
    },
  }),
  operation({
    id: 'getRetention',
    method: 'GET',
    path: '/retention',
    tag: 'usage',
    summary: 'How long usage and the audit are kept.',
    scope: 'admin:read',
    status: 200,
    response: retentionSchema,
    current: ({ services }) => services.usage.retention(),
    run: ({ services }) => services.usage.retention(),
  }),
  operation({
    id: 'replaceRetention',
    method: 'PUT',
    path: '/retention',
    tag: 'usage',
    summary: 'Change how long usage and the audit are kept. Older records are deleted within an hour.',
    scope: 'admin',
    body: retentionSchema,
    status: 200,
    response: retentionSchema,
    current: ({ services }) => services.usage.retention(),
    async run({ services, caller }, { body }) {
      const { usage, audit } = services;
      await changeRetention(body, { usage, audit, atMs: services.nowMs(), actor: caller.actor });
      return body;
    },
  }),
];

function invalid(field: string, value: string, allowed: string): AdminError {
  return new AdminError('ADMIN_INPUT_INVALID', { faults: [{ field, value, allowed }] });
}

function checkSpan(fromMs: number, toMs: number, step: UsageStep): void {
  if (fromMs >= toMs) throw invalid('from', isoTime(fromMs), `a time before ${isoTime(toMs)}`);
  const hours = (toMs - fromMs) / hourMs;
  if (step === 'hour' && hours > maxHours)
    throw invalid('step', step, `day, month or total for more than ${maxHours / 24} days`);
  if (hours > maxYears * 366 * 24)
    throw invalid('from', isoTime(fromMs), `at most ${maxYears} years before \`to\``);
}

function startOfHour(ms: number): number {
  return Math.floor(ms / hourMs) * hourMs;
}

function keysIn(series: readonly UsageSeries[]): readonly string[] {
  return series.flatMap(({ group }) => (group === 'other' || group.key === undefined ? [] : [group.key]));
}

function groupDocument(
  { key, ...rest }: Readonly<Partial<Record<(typeof usageDimensions)[number], string>>>,
  labels: ReadonlyMap<string, string>,
) {
  return { ...(key === undefined ? {} : { key: { id: key, label: labels.get(key) ?? null } }), ...rest };
}

function countsDocument(usage: UsageCounts) {
  const { firstByte: _, ...rest } = usage;
  return {
    ...rest,
    firstByteP50Ms: firstByteQuantile(usage, 0.5),
    firstByteP95Ms: firstByteQuantile(usage, 0.95),
  };
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
