/**
 * The file of results: all figures with the run that measured each. Parts can be measured in several runs; a new figure
 * replaces the old one of the same part, case and peer. Page and charts are generated from this file.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Summary } from './machine.ts';

/** One figure: the median of its rounds, with the lowest and the highest round. */
export interface Figure extends Summary {
  readonly part: string;
  readonly case: string;
  readonly peer: string;
  /** Compared with nginx, or with what the part names, in the same run. */
  readonly ratio?: number;
  /** What was seen in the same rounds. */
  readonly more?: Readonly<Record<string, number>>;
}

export interface Run {
  /** When it began, in ISO 8601. Figures name their run by it. */
  readonly at: string;
  /** The load average of one minute before it began. */
  readonly load: number;
  readonly machine: string;
  readonly commit: string;
  readonly versions: Readonly<Record<string, string>>;
}

export interface Results {
  readonly format: 1;
  readonly runs: readonly Run[];
  readonly figures: readonly (Figure & { readonly run: string })[];
}

export function resultsPath(name: string): string {
  return join(import.meta.dirname, 'results', `${name}.json`);
}

export function readResults(name: string): Results {
  const path = resultsPath(name);
  if (!existsSync(path)) return { format: 1, runs: [], figures: [] };
  return JSON.parse(readFileSync(path, 'utf8')) as Results;
}

/** Adds figures to a file of results. */
export function mergeResults(name: string, run: Run, figures: readonly Figure[]): void {
  if (figures.length === 0) return;
  const before = readResults(name);
  const keyOf = (figure: Figure): string => `${figure.part}\n${figure.case}\n${figure.peer}`;
  const fresh = new Set(figures.map(keyOf));
  const all = [
    ...before.figures.filter((figure) => !fresh.has(keyOf(figure))),
    ...figures.map((figure) => ({ ...figure, run: run.at })),
  ];
  const used = new Set(all.map((figure) => figure.run));
  const runs = [...before.runs.filter(({ at }) => at !== run.at), run].filter(({ at }) => used.has(at));
  const results: Results = { format: 1, runs, figures: all };
  // One figure on a line: a change of the file shows which figures changed.
  const lines = (values: readonly object[]): string =>
    values.map((value) => `    ${JSON.stringify(value, rounded)}`).join(',\n');
  writeFileSync(
    resultsPath(name),
    `{\n  "format": ${results.format},\n  "runs": [\n${lines(runs)}\n  ],\n  "figures": [\n${lines(all)}\n  ]\n}\n`,
  );
}

/** Four digits are more than any figure is exact. */
function rounded(_: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;
}
