/** English needs no translation; see `src/cli/i18n/translated.ts`. */
import type { Phrase } from '../phrase.ts';

export const phrases: readonly Phrase[] = [];
