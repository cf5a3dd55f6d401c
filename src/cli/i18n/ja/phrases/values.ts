/** Short parts of sentences that several errors and views share, and what is wrong with a value of a setting. */
import type { Phrase } from '../../phrase.ts';

export const valuePhrases: readonly Phrase[] = [
  // Who can reach a proxy.
  ['this machine', 'このマシンのみ'],
  ['this network', 'このネットワーク'],
  ['the internet', 'インターネット'],
];
