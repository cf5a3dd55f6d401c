/** Problems with flags, and questions, that several commands have in common. */
export const flags = {
  notBoth: (one: string, other: string): string => `Give either ${one} or ${other}, not both.`,
  jsonOrCsv: 'Give --json or --csv, not both.',
  oneOf: (flag: string, values: string): string => `${flag} takes one of ${values}.`,
  setOrClear: (name: string): string => `Either give ${name} or clear it, not both.`,
  nothingToChange: 'Give at least one setting to change.',
  standardInput: 'standard input',
  confirm: {
    question: (effect: string): string => `${effect} Continue? [y/N] `,
    needsYes: (effect: string): string => `${effect} Run the command again with --yes to confirm.`,
    unchanged: 'Nothing was changed.',
  },
};
