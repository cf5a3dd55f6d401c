/**
 * The texts of the pages in the language of the reader. It is the first language of the browser that has a catalogue,
 * or English. The reader can change it; the choice lasts as long as the page.
 */

import { liveCatalogue, replaceTexts } from '../../cli/i18n/live-catalogue.ts';
import type { Catalogue } from './catalogue.ts';
import { en } from './en.ts';
import { ja } from './ja.ts';

const catalogues = { en, ja } as const satisfies Readonly<Record<string, Catalogue>>;

export type Language = keyof typeof catalogues;

// A record's keys are those of its type: the table is written above.
export const languages = Object.keys(catalogues) as readonly Language[];

const listeners = new Set<() => void>();

/** The first of the languages (BCP 47, such as `ja-JP`) that has a catalogue. */
export function languageFor(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    const primary = tag.toLowerCase().split('-')[0];
    const found = languages.find((language) => language === primary);
    if (found !== undefined) return found;
  }
  return 'en';
}

/** A module may keep a part of it, but no single text and no list. */
export const t: Catalogue = liveCatalogue(catalogues[languageFor(navigator.languages)]);

export function changeLanguage(language: Language): void {
  replaceTexts(t, catalogues[language]);
  for (const listener of listeners) listener();
}

export function whenLanguageChanges(listener: () => void): () => void {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}
