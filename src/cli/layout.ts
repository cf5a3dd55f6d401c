/**
 * How results look as text: tables, durations, sizes, times. Every view is one model, rendered here as text and by
 * `JSON.stringify` as JSON.
 */
import { stripVTControlCharacters } from 'node:util';

/** Columns side by side, two blanks apart; the last one is as long as it is. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, i) => Math.max(...all.map((row) => textWidth(row[i] ?? ''))));
  return all
    .map((row) =>
      row
        .map((cell, i) =>
          i === head.length - 1 ? cell : cell + ' '.repeat((widths[i] ?? 0) - textWidth(cell)),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Names in a column, values beside them; undefined values are left out. */
export function facts(pairs: readonly (readonly [string, string | undefined])[]): string {
  const shown = pairs.filter((pair): pair is readonly [string, string] => pair[1] !== undefined);
  const widest = Math.max(0, ...shown.map(([name]) => textWidth(name)));
  const indent = `\n${' '.repeat(widest + 2)}`;
  return shown
    .map(
      ([name, value]) => `${name}${' '.repeat(widest - textWidth(name))}  ${value.replaceAll('\n', indent)}`,
    )
    .join('\n');
}

/** Code points are good enough a measure for names of keys, models and engines. */
export function textWidth(text: string): number {
  return [...stripVTControlCharacters(text)].length;
}

/** `3 s`, `4 min`, `2 h 5 min`, `3 d 4 h`. */
export function duration(seconds: number): string {
  const s = Math.round(seconds);
  if (s < 90) return `${s} s`;
  const minutes = Math.round(s / 60);
  if (minutes < 90) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  const days = Math.floor(hours / 24);
  return hours % 24 === 0 ? `${days} d` : `${days} d ${hours % 24} h`;
}

/** Local time of day, to the second. */
export function clockTime(ms: number): string {
  const at = new Date(ms);
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map((n) => String(n).padStart(2, '0')).join(':');
}

/** Local time to the minute. */
export function moment(ms: number): string {
  const at = new Date(ms);
  const two = (n: number): string => String(n).padStart(2, '0');
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** What came from elsewhere, made fit for a terminal: control characters become visible. */
export function printable(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (c) => `\\u${c.codePointAt(0)?.toString(16).padStart(4, '0')}`,
  );
}

/** The same for text of several lines. The joiners are what emoji of several parts and some scripts are made of. */
export function printableLines(text: string): string {
  return text
    .replaceAll('\r\n', '\n')
    .split(/([\n\t\u200c\u200d])/)
    .map((part, i) => (i % 2 === 1 ? part : printable(part)))
    .join('');
}
