/** Texts around errors: of a wrong command line, and of what ended a command. */
export const errors = {
  unknownLanguage: (value: string, languages: string): string =>
    value === ''
      ? `Option '--lang <language>' needs a language: ${languages}.`
      : `There is no language ${value}. The languages are ${languages}.`,
};
