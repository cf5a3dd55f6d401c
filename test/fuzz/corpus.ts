/**
 * The stored corpus of a target: `corpus/NAME.txt` with one input per line, as a JSON string whose characters are the bytes
 * (Latin-1), so that a change can be read in a diff.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, 'corpus');

export function readCorpus(name: string): readonly Buffer[] {
  const file = join(folder, `${name}.txt`);
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  return lines.map((line) => Buffer.from(JSON.parse(line) as string, 'latin1'));
}

export function writeCorpus(name: string, inputs: readonly Buffer[]): void {
  const lines = inputs.map(lineOf).sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
  writeFileSync(join(folder, `${name}.txt`), lines.map((line) => `${line}\n`).join(''));
}

/** JSON, with every character beyond printable ASCII as an escape. */
export function lineOf(input: Buffer): string {
  return JSON.stringify(input.toString('latin1')).replaceAll(
    /[\x7f-\xff]/g,
    (character) => `\\u00${character.charCodeAt(0).toString(16)}`,
  );
}
