/**
 * Translates English sentences, and parts of sentences, that do not come from the catalogues of the command line: the
 * reason in an error, a warning of a running proxy, the note of an engine. They arrive as English text, often from
 * another process or from an older flm, and JSON, logs and HTTP responses need them in English. So the English form is
 * the key, as in gettext; `{name}` stands for a value. A text without a translation stays as it is.
 */
import { errorTable as english } from '../../core/errors.ts';
import type { Phrase } from './phrase.ts';
import { isPhrase, phraseTranslator } from './phrase-translator.ts';
import { t } from './texts.ts';

let current:
  | { readonly phrases: readonly Phrase[]; readonly translate: (text: string) => string }
  | undefined;

/** Returns the text in the language of the user. */
export function translated(text: string): string {
  const { phrases } = t;
  if (phrases.length === 0) return text;
  if (current?.phrases !== phrases)
    current = { phrases, translate: phraseTranslator([...phrases, ...errorPhrases()]) };
  return current.translate(text);
}

/** Returns the value of a phrase or of an error in the language of the user. */
export function translatedValue(name: string, value: string | number): string | number {
  return typeof value === 'string' && isPhrase(name) ? translated(value) : value;
}

function errorPhrases(): readonly Phrase[] {
  return Object.entries(english).flatMap(([code, { text, hint }]): Phrase[] => {
    // The table has the same codes in every language.
    const row = t.errorTable[code as keyof typeof english];
    // A process that tells an error in one text joins both.
    return [
      [text, row.text],
      [hint, row.hint],
      [`${text} ${hint}`, `${row.text}${row.hint}`],
    ];
  });
}
