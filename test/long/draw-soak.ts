/**
 * Draws the chart of a soak from the folder of its samples, and prints its verdict:
 * `node test/long/draw-soak.ts FOLDER [INTO]` writes `soak-light.svg` and `soak-dark.svg`.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { drawSoak } from './soak/draw-soak.ts';
import type { Sample } from './soak/samples.ts';

const [folder = '.', into = folder] = process.argv.slice(2);
const lines = readFileSync(join(folder, 'samples.jsonl'), 'utf8').trimEnd().split('\n');
console.log(
  JSON.stringify(
    drawSoak(
      lines.map((line) => JSON.parse(line) as Sample),
      into,
    ),
    null,
    2,
  ),
);
