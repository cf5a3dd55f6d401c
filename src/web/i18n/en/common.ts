/** Texts that several pages share, and those of the frame around the pages. */
export const common = {
  /** BCP 47, for numbers and times. */
  language: 'en',
  title: 'flm',
  /** Between two sentences, or two parts of a duration. */
  between: ' ',
  comma: ', ',
  /** Between parts that may hold commas. */
  semicolon: '; ',
  /** A text of flm itself, such as a warning. One without a translation stays as it is. */
  translated: (text: string): string => text,
  skipToContent: 'Skip to content',
  navigation: 'Pages',
  morePages: 'More',
  loading: 'Loading …',
  cancel: 'Cancel',
  save: 'Save',
  copy: 'Copy',
  copied: 'Copied',
  qrOf: (what: string): string => `QR code: ${what}`,
  never: 'never',
  none: 'none',
  all: 'all',
  actions: 'Actions',
  command: 'The same in a terminal:',
  more: (shown: number, total: number): string => `Show more (${shown} of ${total})`,
  /** The number is formatted already. */
  units: {
    milliseconds: (number: string): string => `${number} ms`,
    seconds: (number: string): string => `${number} s`,
    minutes: (number: string): string => `${number} min`,
    hours: (number: string): string => `${number} h`,
  },
  chart: {
    asTable: 'Show this chart as a table',
    time: 'Time',
    only: (name: string): string => `Show only ${name}`,
  },
  /** `time` is a time of day. */
  stale: (time: string): string => `This is the state of ${time}. Loading it again failed:`,
  readOnly:
    'Your key has only the scope `admin:read`, so this dashboard leaves out what makes a change, and the chat.',
  paused: 'Updates wait while you select text or point at a table.',
  ended: {
    title: 'This session has ended',
    hint: 'The dashboard keeps its session in this page only, so a reload ends the session. Run this command again:',
  },
  offline: {
    title: 'flm does not answer.',
    hint: 'The page shows the last known state and continues when flm answers again.',
    command: 'If the command has ended, run it again:',
  },
  signIn: {
    title: 'Sign in',
    hint: 'This proxy serves its dashboard to keys with the scope admin or admin:read. The key stays in this page only, so a reload signs you out.',
    key: 'Admin key',
    button: 'Sign in',
    ended: 'The proxy no longer accepts the key.',
    noScope: 'This key has neither the scope admin nor admin:read.',
    make: 'To make such a key, at the machine of the proxy:',
    command: 'flm key create NAME --scope admin',
  },
};
