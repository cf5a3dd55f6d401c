/** Texts of `flm usage` and `flm retention`. */
import type { CliCatalogue } from '../catalogue.ts';

export const usage: CliCatalogue['usage'] = {
  columns: {
    key: 'KEY',
    model: 'MODEL',
    engine: 'ENGINE',
    ending: 'ENDING',
    hour: 'HOUR',
    day: 'DAY',
    month: 'MONTH',
    requests: 'REQUESTS',
    input: 'TOKENS IN',
    output: 'TOKENS OUT',
    tokens: 'TOKENS',
    /** Share of prompt tokens that engines took from their caches. */
    cached: 'CACHED',
    trend: 'TREND',
  },
  total: 'total',
  other: 'others',
  chat: 'flm chat',
  keyName: (label: string | null, id: string): string =>
    label === null ? `${id} (gone)` : `${label} (${id})`,
  unnamed: '-',
  none: (from: string, zone: string): string => `No usage since ${from} (${zone}).`,
  since: (from: string, to: string | undefined, zone: string): string =>
    to === undefined ? `Since ${from} (${zone}).` : `From ${from} until ${to} (${zone}).`,
  estimated: '~ is an estimate: an engine reported no usage, or a client left early.',
  trend: (step: string): string => `The trend is by ${step}.`,
};

export const retention: CliCatalogue['retention'] = {
  kept: 'KEPT',
  days: 'DAYS',
  hourly: 'usage by the hour',
  daily: 'usage by the day',
  audit: 'audit',
  changed: 'Older records are deleted within an hour.',
};
