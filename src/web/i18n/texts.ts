/**
 * The texts of the pages in the language of the reader. It is the first language of the browser that has a catalogue,
 * or English. The reader can change it; the choice lasts as long as the page. A change replaces the entries of `t` in
 * place, so that a module may keep a part of it (`const texts = t.engines`), but no single text.
 */

import type { Catalogue } from './catalogue.ts';
import { en } from './en.ts';
import { ja } from './ja.ts';

const catalogues = { en, ja } as const satisfies Readonly<Record<string, Catalogue>>;

export type Language = keyof typeof catalogues;

// A record's keys are those of its type: the table is written above.
export const languages = Object.keys(catalogues) as readonly Language[];

type Entries = Record<string, unknown>;
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

export const t = copyOf(catalogues[languageFor(navigator.languages)]);

export function changeLanguage(language: Language): void {
  replaceEntries(t, catalogues[language]);
  for (const listener of listeners) listener();
}

export function whenLanguageChanges(listener: () => void): () => void {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

function copyOf(catalogue: Catalogue): Catalogue {
  const copy = {};
  replaceEntries(copy, catalogue);
  // The copy has every entry.
  return copy as Catalogue;
}

function replaceEntries(target: Entries, source: Readonly<Entries>): void {
  for (const [name, entry] of Object.entries(source)) {
    if (typeof entry === 'object' && entry !== null) {
      target[name] ??= {};
      // Catalogues have the same form.
      replaceEntries(target[name] as Entries, entry as Entries);
    } else target[name] = entry;
  }
}
