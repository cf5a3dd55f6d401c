/** Japanese forms of English sentences from other layers; see `src/cli/i18n/translated.ts`. One file for each subject. */
import type { CliCatalogue } from '../catalogue.ts';
import { usagePhrases } from './phrases/usage.ts';
import { valuePhrases } from './phrases/values.ts';
import { warningPhrases } from './phrases/warnings.ts';

export const phrases: CliCatalogue['phrases'] = [...usagePhrases, ...warningPhrases, ...valuePhrases];
