/** Spans of time, relative times, and lists. */
export const units = {
  justNow: 'just now',
  ago: (time: string): string => `${time} ago`,
  /** A moment, exactly and relative to now. */
  exactly: (moment: string, relative: string): string => `${moment} (${relative})`,
  in: (time: string): string => `in ${time}`,
  milliseconds: (count: number): string => `${count} ms`,
  seconds: (count: number | string): string => `${count} s`,
  minutes: (count: number): string => `${count} min`,
  hours: (count: number): string => `${count} h`,
  days: (count: number): string => `${count} d`,
  hoursMinutes: (hours: number, minutes: number): string => `${hours} h ${minutes} min`,
  daysHours: (days: number, hours: number): string => `${days} d ${hours} h`,
  list: (parts: readonly string[]): string => parts.join(', '),
  and: (parts: readonly string[]): string => parts.join(' and '),
  clauses: (parts: readonly string[]): string => parts.join('; '),
};
