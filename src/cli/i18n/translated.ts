/**
 * Translates English sentences, and parts of sentences, that do not come from the catalogues of the command line: the
 * reason in an error, a warning of a running proxy, the note of an engine. They arrive as English text, often from
 * another process or from an older flm, and JSON, logs and HTTP responses need them in English. So the English form is
 * the key, as in gettext; `{name}` stands for a value. A text without a translation stays as it is.
 */
import { errorTable as english } from '../../core/errors.ts';
import type { Phrase } from './phrase.ts';
import { t } from './texts.ts';

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

interface Form {
  readonly names: readonly string[];
  readonly pattern: RegExp;
  readonly translation: string;
}

interface Compiled {
  readonly phrases: readonly Phrase[];
  readonly whole: ReadonlyMap<string, string>;
  /** The most specific first. */
  readonly forms: readonly Form[];
}

let compiled: Compiled | undefined;

/** Returns the text in the language of the user. */
export function translated(text: string): string {
  if (t.phrases.length === 0 || text === '') return text;
  if (compiled?.phrases !== t.phrases) compiled = compile(t.phrases);
  return translation(compiled, text) ?? sentenceWise(compiled, text);
}

/** Returns the value of a phrase or of an error in the language of the user. */
export function translatedValue(name: string, value: string | number): string | number {
  return typeof value === 'string' && nested.has(name) ? translated(value) : value;
}

function translation(known: Compiled, text: string): string | undefined {
  const whole = known.whole.get(text);
  if (whole !== undefined) return whole;
  for (const { names, pattern, translation } of known.forms) {
    const found = pattern.exec(text);
    if (found === null) continue;
    return translation.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
      String(translatedValue(name, found[names.indexOf(name) + 1] ?? '')),
    );
  }
  return undefined;
}

/** Two or more sentences, such as the text and the hint of an error. */
function sentenceWise(known: Compiled, text: string): string {
  const sentences = text.split(/(?<=[.!?]) (?=[A-Z`])/);
  let result = '';
  for (let from = 0; from < sentences.length; ) {
    let to = sentences.length;
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
  const all: Phrase[] = [...phrases];
  for (const [code, { text, hint }] of Object.entries(english)) {
    // The table has the same codes in every language.
    const row = t.errorTable[code as keyof typeof english];
    // A process that tells an error in one text joins both.
    all.push([text, row.text], [hint, row.hint], [`${text} ${hint}`, `${row.text}${row.hint}`]);
  }
  const whole = new Map<string, string>();
  const forms: (Form & { readonly fixed: number })[] = [];
  for (const [form, translation] of all) {
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
  return { phrases, whole, forms: forms.toSorted((a, b) => b.fixed - a.fixed) };
}

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
