/**
 * The difference between two texts for a person: lines with `-` and `+`, three of the lines around, secrets left out.
 */
import { diff } from 'node:util';

export interface DifferenceLine {
  readonly sign: ' ' | '-' | '+' | '…';
  readonly text: string;
}

const around = 3;

export function differenceOf(before: string, after: string): readonly DifferenceLine[] {
  const all = diff(linesOf(before), linesOf(after)).map(([operation, text]): DifferenceLine => {
    // node:util takes the first text for the newer one.
    const sign = operation === 0 ? ' ' : operation < 0 ? '+' : '-';
    // What is new is flm's, and no secret: keys are put in later.
    return { sign, text: sign === '+' ? text : withoutSecret(text) };
  });
  const near = all.map((_, i) =>
    all.slice(Math.max(0, i - around), i + around + 1).some((l) => l.sign !== ' '),
  );
  return all.flatMap((line, i) => {
    if (near[i] === true) return [line];
    return i === 0 || near[i - 1] === true ? [{ sign: '…', text: '' } as const] : [];
  });
}

const linesOf = (text: string): string[] => (text === '' ? [] : text.replace(/\r?\n$/, '').split(/\r?\n/));

/** A value behind a name that sounds like a secret. */
function withoutSecret(line: string): string {
  return line.replace(
    /((?:key|token|secret|password|authorization)[\w-]*["']?\s*[:=]\s*)(?!\{|\[|\s*$).+/i,
    '$1…',
  );
}
