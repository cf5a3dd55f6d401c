/** The form of every language's texts: that of the English ones. */
import type { en } from './en.ts';

export type CliCatalogue = typeof en;
