/**
 * Chooses the language of the terminal: `--lang`, then FLM_LANG, LC_ALL, LC_MESSAGES and LANG. A variable that is empty
 * counts as unset. The first one that is set decides; a locale without texts means English.
 *
 * Output for programs is always English: with `--json` or `--csv`, and the log of `flm proxy run`.
 */
import type { Environment } from '../../core/environment.ts';
import { ProxyError } from '../../core/errors.ts';
import { type CliLanguage, languages, t } from './texts.ts';

const flag = '--lang';

export interface ChosenLanguage {
  readonly language: CliLanguage;
  /** The command line without `--lang`, which may stand anywhere before `--`. */
  readonly argv: readonly string[];
  /** A value of `--lang` that is no language; empty if the value is missing. */
  readonly unknown: string | undefined;
}

export function chooseLanguage(argv: readonly string[], environment: Environment): ChosenLanguage {
  // The words that the shell completes are not an own command line.
  if (argv[0] === '__complete') return { language: languageOf(environment), argv, unknown: undefined };
  const { rest, value } = withoutFlag(argv);
  const wanted = value === undefined ? undefined : languages.find((language) => language === value);
  const people = wanted ?? languageOf(environment);
  return {
    language: isForPrograms(rest) ? 'en' : people,
    argv: rest,
    unknown: value !== undefined && wanted === undefined ? value : undefined,
  };
}

/** The usage error for a wrong `--lang`. */
export function unknownLanguage(value: string): ProxyError {
  const message = t.errors.unknownLanguage(value, languages.join(', '));
  return new ProxyError('USAGE', { params: { message, command: '' } });
}

function languageOf(environment: Environment): CliLanguage {
  const { FLM_LANG, LC_ALL, LC_MESSAGES, LANG } = environment;
  return languageOfLocale(FLM_LANG) ?? languageOfLocale(LC_ALL || LC_MESSAGES || LANG) ?? 'en';
}

/** Of a locale as POSIX writes it, `ja_JP.UTF-8`, or as browsers do, `ja-JP`. */
function languageOfLocale(locale: string | undefined): CliLanguage | undefined {
  const primary = locale?.toLowerCase().split(/[-_.@]/)[0];
  return languages.find((language) => language === primary);
}

/** The last `--lang` counts, as for every other option. */
function withoutFlag(argv: readonly string[]): {
  readonly rest: readonly string[];
  readonly value: string | undefined;
} {
  const rest: string[] = [];
  let value: string | undefined;
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at] as string;
    if (word === '--') return { rest: [...rest, ...argv.slice(at)], value };
    if (word === flag) {
      at += 1;
      value = argv[at] ?? '';
    } else if (word.startsWith(`${flag}=`)) value = word.slice(flag.length + 1);
    else rest.push(word);
  }
  return { rest, value };
}

function isForPrograms(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  const words = end === -1 ? argv : argv.slice(0, end);
  if (words.includes('--json') || words.includes('--csv')) return true;
  return words[0] === 'proxy' && words[1] === 'run' && !words.includes('--help') && !words.includes('-h');
}
