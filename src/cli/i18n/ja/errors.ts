/** Texts around errors: of a wrong command line, and of what ended a command. */
import type { CliCatalogue } from '../catalogue.ts';

export const errors: CliCatalogue['errors'] = {
  unknownLanguage: (value, languages) =>
    value === ''
      ? `--langには言語を指定してください: ${languages}。`
      : `言語${value}はありません。指定できる言語: ${languages}。`,
};
