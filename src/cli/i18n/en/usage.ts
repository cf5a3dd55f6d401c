/** Texts of `flm usage` and `flm retention`. */
export const usage = {
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
  sinceAndTrend: (since: string, trend: string): string => `${since} ${trend}`,
  trend: (step: string): string => `The trend is by ${step}.`,
  help: 'show requests and tokens over time, by key, model, engine or ending',
  options: {
    by: (groupings: string): string => `group by ${groupings}, or by several: key,day (default: key)`,
    hours: 'number of hours, including this one; 24 by default with --by hour',
    days: 'number of days, including today; 30 by default',
    from: 'first day, such as 2026-11-01, or a time',
    to: 'last day, or a time; by default now',
    key: 'only this key, before and after rotations (repeatable)',
    model: 'only this model (repeatable)',
    engine: 'only this engine (repeatable)',
    ending: (endings: string): string => `only requests that ended so: ${endings} (repeatable)`,
    top: 'show the largest groups, and the others as one',
    timeZone: 'time zone of hours, days and months; by default that of this machine',
    csv: 'print a table for a spreadsheet',
  },
  problems: {
    oneTime: (times: readonly string[]): string =>
      `--by takes one of hour, day and month, not ${times.join(' and ')}.`,
    by: (groupings: string, given: string): string =>
      `--by takes ${groupings}, or several of them, not ${given}.`,
    timeZone: (given: string): string =>
      `--time-zone takes an IANA name such as Europe/Berlin, not ${given}.`,
    ending: (endings: string, given: string): string => `--ending takes ${endings}, not ${given}.`,
    emptyRange: 'The range of time is empty: --from must be before --to.',
    tooManyHours: (days: number): string => `--by hour shows at most ${days} days; use --by day.`,
    daysOrFrom: 'Either give --days or --from, not both.',
    oneStart: 'Give one of --hours, --days and --from.',
    moment: (flag: string): string =>
      `${flag} takes a day such as 2026-11-01, or a time such as 2026-11-01T14:00Z.`,
    count: (flag: '--hours' | '--days' | '--top'): string =>
      `${flag} takes a number of ${{ '--hours': 'hours', '--days': 'days', '--top': 'groups' }[flag]}, 1 or more.`,
  },
};

export const retention = {
  about: 'show or change how many days usage and the audit are kept',
  options: {
    hourly: 'days for which usage is kept by the hour; after that it is kept by the day',
    daily: 'days for which usage is kept by the day',
    audit: 'days for which the audit is kept',
  },
  notWhole: (text: string): string => `A number of days is a whole number, not ${text}.`,
  kept: 'KEPT',
  days: 'DAYS',
  hourly: 'usage by the hour',
  daily: 'usage by the day',
  audit: 'audit',
  changed: 'Older records are deleted within an hour.',
};
