/** Spans of time, relative times, and lists. */
import type { CliCatalogue } from '../catalogue.ts';

export const units: CliCatalogue['units'] = {
  justNow: 'たった今',
  ago: (time) => `${time}前`,
  exactly: (moment, relative) => `${moment}（${relative}）`,
  in: (time) => `${time}後`,
  // Short, because some columns have a fixed width.
  milliseconds: (count) => `${count}ms`,
  seconds: (count) => `${count}秒`,
  minutes: (count) => `${count}分`,
  hours: (count) => `${count}時間`,
  days: (count) => `${count}日`,
  hoursMinutes: (hours, minutes) => `${hours}時間${minutes}分`,
  daysHours: (days, hours) => `${days}日${hours}時間`,
  list: (parts) => parts.join('、'),
  and: (parts) => parts.join('、'),
  clauses: (parts) => parts.join('、'),
};
