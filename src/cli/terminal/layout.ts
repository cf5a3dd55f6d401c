/**
 * Renders results as text: tables, durations, sizes, times. Each view has one model; this file renders it as text and
 * `JSON.stringify` renders it as JSON.
 */
import { stripVTControlCharacters } from 'node:util';
import stringWidth from 'string-width';

/** A column never becomes narrower than this or than its heading. */
const narrowest = 12;
/** If the last column has less space than this, its text is cut instead of wrapped. */
const narrowestWrap = 20;

/**
 * Renders a table: columns two spaces apart, aligned by display width. If `columns` is given, the last column wraps at
 * spaces. If that is not enough, the widest other columns are cut with an ellipsis; the first column is never cut, because
 * it holds the name that commands take. If the table still does not fit, each row becomes a block with one cell per line.
 */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  columns = Number.POSITIVE_INFINITY,
): string {
  const all = [head, ...rows];
  const widths = head.map((_, i) => Math.max(...all.map((row) => textWidth(row[i] ?? ''))));
  const last = head.length - 1;
  const wanted = Math.min(widths[last] ?? 0, narrowestWrap);
  const room = (): number => columns - widths.slice(0, last).reduce((sum, width) => sum + width + 2, 0);
  while (room() < wanted) {
    const widest = widestOf(head, widths);
    if (widest === undefined) {
      if (room() >= narrowest) break;
      return blocks(head, rows, columns);
    }
    widths[widest] = Math.max((widths[widest] ?? 0) - (wanted - room()), least(head, widest));
  }
  widths[last] = Math.min(widths[last] ?? 0, Math.max(room(), textWidth(head[last] ?? '')));
  return all.flatMap((row) => linesOf(row, widths)).join('\n');
}

/** Renders the cells of a row below each other, for a terminal that is too narrow for a table. */
function blocks(head: readonly string[], rows: readonly (readonly string[])[], columns: number): string {
  const room = Math.max(narrowest, columns - Math.max(...head.map(textWidth)) - 2);
  const block = (row: readonly string[]): string =>
    facts(head.map((name, i) => [name, wrapped(row[i] ?? '', room).join('\n')]));
  return rows.map(block).join('\n\n');
}

/** Returns the column to cut next, if any; never the first or the last. */
function widestOf(head: readonly string[], widths: readonly number[]): number | undefined {
  return head
    .map((_, i) => i)
    .slice(1, -1)
    .filter((i) => (widths[i] ?? 0) > least(head, i))
    .reduce<number | undefined>(
      (best, i) => (best === undefined || (widths[i] ?? 0) > (widths[best] ?? 0) ? i : best),
      undefined,
    );
}

const least = (head: readonly string[], i: number): number => Math.max(narrowest, textWidth(head[i] ?? ''));

/** Renders one row, on as many lines as its last cell needs. */
function linesOf(row: readonly string[], widths: readonly number[]): readonly string[] {
  const last = widths.length - 1;
  const front = widths
    .slice(0, last)
    .map((width, i) => `${padded(cut(row[i] ?? '', width), width)}  `)
    .join('');
  const indent = ' '.repeat(widths.slice(0, last).reduce((sum, width) => sum + width + 2, 0));
  return wrapped(row[last] ?? '', widths[last] ?? 0).map((line, i) =>
    `${i === 0 ? front : indent}${line}`.trimEnd(),
  );
}

const padded = (text: string, width: number): string =>
  text + ' '.repeat(Math.max(0, width - textWidth(text)));

/** Cuts the text to `width` columns and marks the cut with an ellipsis. A text that is cut loses its colours. */
export function cut(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  let kept = '';
  for (const { segment } of graphemes.segment(stripVTControlCharacters(text))) {
    if (textWidth(kept) + textWidth(segment) > width - 1) break;
    kept += segment;
  }
  return `${kept}…`;
}

/** Wraps the text at spaces into lines of at most `width` columns; a longer word is cut. */
function wrapped(text: string, width: number): readonly string[] {
  if (textWidth(text) <= width) return [text];
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line !== undefined && textWidth(line) + 1 + textWidth(word) <= width)
      lines.push(`${lines.pop()} ${word}`);
    else lines.push(cut(word, width));
  }
  return lines;
}

const graphemes = new Intl.Segmenter();

/** Renders names in one column and their values in a second column; undefined values are left out. */
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

/** Returns the display width in columns; East Asian wide characters and emoji take two columns. */
export function textWidth(text: string): number {
  // Nearly all texts are plain ASCII, whose width is its length.
  return /^[\x20-\x7e]*$/.test(text) ? text.length : stringWidth(text);
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

/** Makes foreign text safe for a terminal: control characters become visible. */
export function printable(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (c) => `\\u${c.codePointAt(0)?.toString(16).padStart(4, '0')}`,
  );
}

/** Like `printable`, for text of several lines. Joiners are kept: some scripts and combined emoji need them. */
export function printableLines(text: string): string {
  return text
    .replaceAll('\r\n', '\n')
    .split(/([\n\t\u200c\u200d])/)
    .map((part, i) => (i % 2 === 1 ? part : printable(part)))
    .join('');
}
