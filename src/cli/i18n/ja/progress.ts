/** What a command waits for, and how long. */
import type { CliCatalogue } from '../catalogue.ts';

export const progress: CliCatalogue['progress'] = {
  acme: (domains: string): string => `Waiting for the CA to validate ${domains}`,
  stop: 'Waiting for running responses to finish',
  successor: 'Waiting for the new process to serve',
  firstToken: 'waiting for the first token',
  loading: 'loading the model',
  mayLoad: 'the model may be loading',
  elapsed: (time: string): string => time,
  elapsedOf: (time: string, most: string): string => `${time} of at most ${most}`,
  plain: (text: string, most: string | undefined): string =>
    most === undefined ? `${text} ...` : `${text} (${most} at most) ...`,
  migrating: (file: string, size: string): string =>
    `Updating ${file} (${size}) to this version, with a backup first ...`,
  migrated: (time: string): string => `Updated in ${time}.`,
};
