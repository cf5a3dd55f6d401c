/** Texts around errors: of a wrong command line, and of what ended a command. */
import { faultWords } from '../../../core/errors.ts';

export const errors = {
  error: 'Error:',
  interrupted: 'Interrupted.',
  faults: faultWords,
  unknownLanguage: (value: string, languages: string): string =>
    value === ''
      ? `Option '--lang <language>' needs a language: ${languages}.`
      : `There is no language ${value}. The languages are ${languages}.`,
  unknownCommand: (command: string): string => `There is no command ${command}.`,
  similarCommands: (command: string, similar: string): string =>
    `There is no command ${command}; similar: ${similar}.`,
  commandsOf: (command: string, group: string, names: string): string =>
    `There is no command ${command}; ${group} has ${names}.`,
};
