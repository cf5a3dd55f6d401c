/** Bars and sparklines of text. Where the terminal has no UTF-8 they are drawn in ASCII. */
import type { Environment } from '../../core/environment.ts';

export interface ChartMarks {
  /** Parts of a cell from the left, the full cell last. */
  readonly bar: readonly string[];
  /** Heights, the lowest first. */
  readonly line: readonly string[];
}

const unicodeMarks: ChartMarks = { bar: [...'▏▎▍▌▋▊▉█'], line: [...'▁▂▃▄▅▆▇█'] };
const asciiMarks: ChartMarks = { bar: ['#'], line: [...'.:-=+*#'] };

/** A terminal without a locale shows UTF-8 today; one with another character set or the locale C may not. */
export function chartMarks({ LC_ALL, LC_CTYPE, LANG }: Environment): ChartMarks {
  const locale = [LC_ALL, LC_CTYPE, LANG].find((value) => value !== undefined && value !== '') ?? 'UTF-8';
  return /utf-?8/i.test(locale) ? unicodeMarks : asciiMarks;
}

/** A bar of at most `width` cells. A value above zero has at least the smallest mark. */
export function bar(value: number, most: number, width: number, marks: ChartMarks): string {
  if (value <= 0 || most <= 0) return '';
  const parts = marks.bar.length;
  const length = Math.max(1, Math.round((Math.min(value, most) / most) * width * parts));
  const full = (marks.bar.at(-1) ?? '').repeat(Math.floor(length / parts));
  return full + (length % parts === 0 ? '' : marks.bar[(length % parts) - 1]);
}

/** One cell for each value; zero is a space. */
export function sparkline(values: readonly number[], most: number, { line }: ChartMarks): string {
  return values
    .map((value) => {
      if (value <= 0 || most <= 0) return ' ';
      return line[Math.min(line.length - 1, Math.floor((value / most) * line.length))];
    })
    .join('');
}

/** Adds up neighbours until at most `count` values are left. */
export function condensed(values: readonly number[], count: number): readonly number[] {
  const each = Math.max(1, Math.ceil(values.length / count));
  return Array.from({ length: Math.ceil(values.length / each) }, (_, i) =>
    values.slice(i * each, (i + 1) * each).reduce((a, b) => a + b, 0),
  );
}
