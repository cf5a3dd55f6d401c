/** Writes the charts of a soak, for a light and a dark page, and returns what its samples show. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Sample } from './samples.ts';
import { type ChartTheme, soakChart } from './soak-chart.ts';
import { type SoakVerdict, soakVerdict } from './soak-verdict.ts';

export function drawSoak(samples: readonly Sample[], into: string): SoakVerdict {
  const verdict = soakVerdict(samples);
  const { minutes, requests, faults } = verdict;
  const texts = {
    title: `${Math.round(minutes)} minutes under load with ${faults.toLocaleString('en-US')} faults`,
    subtitle: `One process of flm that served ${requests.toLocaleString('en-US')} requests together with a second one`,
  };
  for (const theme of ['light', 'dark'] satisfies readonly ChartTheme[])
    writeFileSync(join(into, `soak-${theme}.svg`), soakChart(samples, texts, theme));
  return verdict;
}
