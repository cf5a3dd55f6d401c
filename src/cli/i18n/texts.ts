/**
 * The texts of the terminal in the language of the user, English until `useLanguage` is called at the start of the
 * program. The texts of another language are loaded only for a user of that language.
 */
import type { CliCatalogue } from './catalogue.ts';
import { en } from './en.ts';
import { liveCatalogue, replaceTexts } from './live-catalogue.ts';

/** Made before the first change: a copy of all texts takes 5 ms, and most users read English. */
let english: CliCatalogue | undefined;

const catalogues = {
  en: async () => english ?? en,
  ja: async () => (await import('./ja.ts')).ja,
} as const satisfies Readonly<Record<string, () => Promise<CliCatalogue>>>;

export type CliLanguage = keyof typeof catalogues;

// A record's keys are those of its type: the table is written above.
export const languages = Object.keys(catalogues) as readonly CliLanguage[];

/** A module may keep a part of it, but no single text and no list. Another language replaces the entries of `en` itself. */
export const t: CliCatalogue = en;

let current: CliLanguage = 'en';

export async function useLanguage(language: CliLanguage): Promise<void> {
  if (language === current) return;
  english ??= liveCatalogue(en);
  replaceTexts(t, await catalogues[language]());
  current = language;
}
