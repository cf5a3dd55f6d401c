/** Words of relative times. */
import type { CliCatalogue } from '../catalogue.ts';

export const units: CliCatalogue['units'] = {
  justNow: 'just now',
  ago: (time: string): string => `${time} ago`,
  in: (time: string): string => `in ${time}`,
};
