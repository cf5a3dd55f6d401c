/** Texts of the page *Logs*. */
export const logs = {
  title: 'Logs',
  proxy: 'Proxy',
  level: 'Level',
  /** The least serious level that is shown. */
  levels: { debug: 'everything', info: 'info', warn: 'warnings', error: 'errors' },
  search: 'Search the log',
  columns: { time: 'Time', level: 'Level', message: 'Message', fields: 'Details' },
  field: (name: string, value: string): string => `${name}=${value}`,
  empty: 'No log lines',
  emptyHint: 'A proxy in the background writes its log here. Start one with this command:',
  noMatch: 'No line matches here',
  noMatchHint: 'A search reads the log piece by piece. Continue with older lines, or change the filter.',
  newest: 'Newest lines',
  older: 'Older lines',
  running: (profile: string, id: string): string => `${profile} (${id})`,
};
