/**
 * The texts of the terminal in the language of the user, English until `useLanguage` is called at the start of the
 * program. A change replaces the entries of `t` in place, so that a module may keep a part of it
 * (`const texts = t.key`), but no single text and no list.
 */
import type { CliCatalogue } from './catalogue.ts';
import { en } from './en.ts';
import { ja } from './ja.ts';

const catalogues = { en, ja } as const satisfies Readonly<Record<string, CliCatalogue>>;

export type CliLanguage = keyof typeof catalogues;

// A record's keys are those of its type: the table is written above.
export const languages = Object.keys(catalogues) as readonly CliLanguage[];

type Entries = Record<string, unknown>;

export const t = copyOf(en);

export function useLanguage(language: CliLanguage): void {
  replaceEntries(t, catalogues[language]);
}

function copyOf(catalogue: CliCatalogue): CliCatalogue {
  const copy = {};
  replaceEntries(copy, catalogue);
  // The copy has every entry.
  return copy as CliCatalogue;
}

function replaceEntries(target: Entries, source: Readonly<Entries>): void {
  for (const [name, entry] of Object.entries(source)) {
    if (typeof entry === 'object' && entry !== null && !Array.isArray(entry)) {
      target[name] ??= {};
      // Catalogues have the same form.
      replaceEntries(target[name] as Entries, entry as Entries);
    } else target[name] = entry;
  }
}
