/**
 * An English form of a sentence or a part of one, and its translation. `{name}` stands for a value; the values may have
 * another order in the translation. See `translated.ts`.
 */
export type Phrase = readonly [english: string, translation: string];
