/**
 * Formats the difference between two texts: lines with `-` and `+`, three lines of context, without secrets.
 */
import { diff } from 'node:util';

export interface DifferenceLine {
  readonly sign: ' ' | '-' | '+' | '…';
  readonly text: string;
}

const around = 3;

export function differenceOf(before: string, after: string): readonly DifferenceLine[] {
  const all = diff(linesOf(before), linesOf(after)).map(([operation, text]): DifferenceLine => {
    // node:util treats the first text as the newer one.
    const sign = operation === 0 ? ' ' : operation < 0 ? '+' : '-';
    // New lines come from flm and contain no secret: keys are inserted later.
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

/** Hides the value after a name that suggests a secret. */
function withoutSecret(line: string): string {
  return line.replace(
    /((?:key|token|secret|password|authorization)[\w-]*["']?\s*[:=]\s*)(?!\{|\[|\s*$).+/i,
    '$1…',
  );
}
