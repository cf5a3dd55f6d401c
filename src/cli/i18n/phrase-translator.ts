/**
 * Makes a function that translates English sentences and parts of sentences by their English forms. The command line and
 * the pages use it for texts that come from another process.
 */
import type { Phrase } from './phrase.ts';

/**
 * Values with these names are phrases themselves, in phrases and in the parameters of errors. Other values, such as
 * labels and files, are never translated.
 */
const nested: ReadonlySet<string> = new Set([
  'advice',
  'does',
  'done',
  'engines',
  'expected',
  'exposed',
  'fix',
  'form',
  'hazard',
  'holder',
  'instead',
  'kind',
  'meant',
  'message',
  'moved',
  'near',
  'never',
  'place',
  'reason',
  'span',
  'state',
  'what',
  'where',
  'which',
  'whose',
  'why',
]);

/** How optional values begin, so that the value before one keeps all of its text. */
const beginnings: Readonly<Record<string, string>> = {
  exposed: ', ',
  holder: ' by ',
  meant: '; ',
  near: '; ',
  never: ', ',
};

/** One phrase never spans more, so that a long text from an engine costs time in proportion to its length. */
const maxSentences = 12;

interface Form {
  readonly names: readonly string[];
  readonly pattern: RegExp;
  readonly translation: string;
}

interface Compiled {
  readonly whole: ReadonlyMap<string, string>;
  /** The most specific first. */
  readonly forms: readonly Form[];
}

/**
 * Returns a function that gives the translation of a text; a text without one stays as it is. The phrases are compiled
 * when the function is first called: most commands and most readers never need them.
 */
export function phraseTranslator(phrases: readonly Phrase[]): (text: string) => string {
  let known: Compiled | undefined;
  return (text) => {
    known ??= compile(phrases);
    return translated(known, text);
  };
}

/** Whether the value of a phrase or of an error is a phrase itself. */
export function isPhrase(name: string): boolean {
  return nested.has(name);
}

function translated(known: Compiled, text: string): string {
  return text === '' ? '' : (translation(known, text) ?? sentenceWise(known, text));
}

function translation(known: Compiled, text: string): string | undefined {
  const whole = known.whole.get(text);
  if (whole !== undefined) return whole;
  for (const { names, pattern, translation } of known.forms) {
    const found = pattern.exec(text);
    if (found === null) continue;
    return translation.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
      const value = found[names.indexOf(name) + 1] ?? '';
      return nested.has(name) ? translated(known, value) : value;
    });
  }
  return undefined;
}

/** Two or more sentences, such as the text and the hint of an error. */
function sentenceWise(known: Compiled, text: string): string {
  const sentences = text.split(/(?<=[.!?]) (?=[A-Z`])/);
  let result = '';
  for (let from = 0; from < sentences.length; ) {
    let to = Math.min(sentences.length, from + maxSentences);
    let found: string | undefined;
    for (; to > from && found === undefined; to--)
      found = translation(known, sentences.slice(from, to).join(' '));
    if (found === undefined) {
      result += `${result === '' ? '' : ' '}${sentences[from]}`;
      from += 1;
    } else {
      result += found;
      from = to + 1;
    }
  }
  return result;
}

function compile(phrases: readonly Phrase[]): Compiled {
  const whole = new Map<string, string>();
  const forms: (Form & { readonly fixed: number })[] = [];
  for (const [form, translation] of phrases) {
    const names = [...form.matchAll(/\{(\w+)\}/g)].map(([, name]) => name as string);
    if (names.length === 0) whole.set(form, translation);
    const parts = form.split(/\{\w+\}/);
    const fixed = parts.join('').length;
    // A form of values alone would fit every text.
    if (names.length === 0 || !/[a-z]/i.test(parts.join(''))) continue;
    const source = form.split(/(\{\w+\})/).map((part) => {
      const name = /^\{(\w+)\}$/.exec(part)?.[1];
      if (name === undefined) return escaped(part);
      const beginning = beginnings[name];
      return beginning === undefined ? '(.*?)' : `(|${beginning}.*?)`;
    });
    const pattern = new RegExp(`^${source.join('')}$`, 's');
    forms.push({ names, pattern, translation, fixed });
  }
  return { whole, forms: forms.toSorted((a, b) => b.fixed - a.fixed) };
}

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
