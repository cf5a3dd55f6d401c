/**
 * Renders results as text: tables, durations, sizes, times. Each view has one model; this file renders it as text and
 * `JSON.stringify` renders it as JSON.
 */
import { stripVTControlCharacters } from 'node:util';
import stringWidth from 'string-width';
import { t } from '../i18n/texts.ts';

const { units } = t;

/** A column never becomes narrower than this or than its heading. */
const narrowest = 12;
/** If the last column has less space than this, its text is cut instead of wrapped. */
const narrowestWrap = 20;

export interface Column {
  readonly name: string;
  /** Aligns at the right, for numbers. */
  readonly right?: boolean;
  /** Wraps at spaces instead of being cut, as the last column does. */
  readonly wraps?: boolean;
  /** Leaves the column out where the table is too wide; the lowest number goes first. */
  readonly drop?: number;
  /** Never cuts the column, because it holds a name to type or an address to copy. By default the first column. */
  readonly fixed?: boolean;
}

/**
 * Renders a table: columns two spaces apart, aligned by display width. If `columns` is given and the table is wider, columns
 * with `drop` are left out, then the last column wraps at spaces, then the widest other columns are cut with an ellipsis.
 * If the table still does not fit, each row becomes a block with one cell per line, and no column is left out.
 */
export function table(
  head: readonly (string | Column)[],
  rows: readonly (readonly string[])[],
  columns = Number.POSITIVE_INFINITY,
): string {
  const all = head.map((column) => (typeof column === 'string' ? { name: column } : column));
  const natural = all.map(({ name }, i) =>
    Math.max(textWidth(name), ...rows.map((r) => textWidth(r[i] ?? ''))),
  );
  const shown = all.map((_, i) => i);
  for (;;) {
    const widths = shown.map((i) => natural[i] ?? 0);
    const wanted = Math.min(widths.at(-1) ?? 0, narrowestWrap);
    const droppable = shown.filter((i) => all[i]?.drop !== undefined);
    if (spaceForLast(widths, columns) >= wanted || droppable.length === 0) break;
    const next = droppable.reduce((a, b) => ((all[b]?.drop ?? 0) < (all[a]?.drop ?? 0) ? b : a));
    shown.splice(shown.indexOf(next), 1);
  }
  const kept = shown.map((i) => all[i] ?? { name: '' });
  const widths = fitted(
    kept,
    shown.map((i) => natural[i] ?? 0),
    columns,
  );
  if (widths === undefined)
    return blocks(
      all.map(({ name }) => name),
      rows,
      columns,
    );
  const cells = [kept.map(({ name }) => name), ...rows.map((row) => shown.map((i) => row[i] ?? ''))];
  return cells.flatMap((row) => linesOf(row, kept, widths)).join('\n');
}

function spaceForLast(widths: readonly number[], columns: number): number {
  return columns - widths.slice(0, -1).reduce((sum, width) => sum + width + 2, 0);
}

/** Returns widths that fit, or undefined if the columns cannot become narrow enough. */
function fitted(
  head: readonly Column[],
  natural: readonly number[],
  columns: number,
): readonly number[] | undefined {
  const widths = [...natural];
  const last = widths.length - 1;
  const wanted = Math.min(widths[last] ?? 0, narrowestWrap);
  while (spaceForLast(widths, columns) < wanted) {
    const widest = widestOf(head, widths);
    if (widest === undefined) {
      if (spaceForLast(widths, columns) >= narrowest) break;
      return undefined;
    }
    const missing = wanted - spaceForLast(widths, columns);
    widths[widest] = Math.max((widths[widest] ?? 0) - missing, least(head[widest]));
  }
  widths[last] = Math.min(
    widths[last] ?? 0,
    Math.max(spaceForLast(widths, columns), textWidth(head[last]?.name ?? '')),
  );
  return widths;
}

/** Renders the cells of a row below each other, for a terminal that is too narrow for a table. */
function blocks(head: readonly string[], rows: readonly (readonly string[])[], columns: number): string {
  const space = Math.max(narrowest, columns - Math.max(...head.map(textWidth)) - 2);
  const block = (row: readonly string[]): string =>
    facts(head.map((name, i) => [name, wrapped(row[i] ?? '', space).join('\n')]));
  return rows.map(block).join('\n\n');
}

/** Returns the column to cut next, if any; never a fixed one or the last. */
function widestOf(head: readonly Column[], widths: readonly number[]): number | undefined {
  const named = head.some(({ fixed }) => fixed === true);
  return head
    .map((_, i) => i)
    .slice(0, -1)
    .filter((i) => !(named ? head[i]?.fixed === true : i === 0) && (widths[i] ?? 0) > least(head[i]))
    .reduce<number | undefined>(
      (best, i) => (best === undefined || (widths[i] ?? 0) > (widths[best] ?? 0) ? i : best),
      undefined,
    );
}

const least = (column: Column | undefined): number => Math.max(narrowest, textWidth(column?.name ?? ''));

/** Renders one row, on as many lines as its cells that wrap need. */
function linesOf(
  row: readonly string[],
  head: readonly Column[],
  widths: readonly number[],
): readonly string[] {
  const last = widths.length - 1;
  const cells = widths.map((width, i) => {
    const text = row[i] ?? '';
    return i === last || head[i]?.wraps === true ? wrapped(text, width) : [text];
  });
  const height = Math.max(...cells.map((lines) => lines.length));
  return Array.from({ length: height }, (_, line) =>
    cells
      .map((lines, i) => fit(lines[line] ?? '', widths[i] ?? 0, head[i]?.right))
      .join('  ')
      .trimEnd(),
  );
}

/** Renders rows without a heading, with their columns two spaces apart. */
export function grid(rows: readonly (readonly string[])[]): readonly string[] {
  const widths: number[] = [];
  for (const row of rows)
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, textWidth(cell));
  return rows.map((row) =>
    row
      .map((cell, i) => fit(cell, widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** Cuts or pads the text to exactly `width` columns. */
export function fit(text: string, width: number, right = false): string {
  const shown = cut(text, width);
  const space = ' '.repeat(Math.max(0, width - textWidth(shown)));
  return right ? space + shown : shown + space;
}

/** Cuts the text to `width` columns and marks the cut with an ellipsis. A text that is cut loses its colours. */
export function cut(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  let kept = '';
  for (const { segment } of graphemesOf(stripVTControlCharacters(text))) {
    if (textWidth(kept) + textWidth(segment) > width - 1) break;
    kept += segment;
  }
  return `${kept}…`;
}

/** Wraps the text into lines of at most `width` columns; a longer word is cut. */
function wrapped(text: string, width: number): readonly string[] {
  return wrap(text, width).map((line) => cut(line, width));
}

/**
 * Wraps the text at spaces, and between wide characters, into lines of at most `width` columns. A longer word gets a line of
 * its own, so that a command or path can be copied.
 */
export function wrap(text: string, width: number): readonly string[] {
  if (textWidth(text) <= width) return [text];
  const lines: string[] = [];
  for (const word of wordsOf(text, width)) {
    let separator = ' ';
    // A command stays whole even if its values have wide characters.
    for (const piece of word.includes(' ') ? [word] : breakable(word)) {
      const line = lines.at(-1);
      if (line !== undefined && textWidth(line + separator) + textWidth(piece) <= width)
        lines.push(`${lines.pop()}${separator}${piece}`);
      else lines.push(piece);
      separator = '';
    }
  }
  return lines;
}

/** Words between spaces; a command in backticks is one word, so that it can be copied from one line. */
function wordsOf(text: string, width: number): readonly string[] {
  const words: string[] = [];
  let open = false;
  for (const word of text.split(' ')) {
    const joined = `${words.at(-1)} ${word}`;
    if (open && textWidth(joined) <= width) words[words.length - 1] = joined;
    else words.push(word);
    if (word.split('`').length % 2 === 0) open = !open;
  }
  return words;
}

/** Wraps prose with a first prefix, such as `! `, and indents its other lines by the width of the prefix. */
export function hanging(prefix: string, text: string, columns: number): string {
  const indent = ' '.repeat(textWidth(prefix));
  return wrap(text, columns - indent.length)
    .map((line, i) => `${i === 0 ? prefix : indent}${line}`)
    .join('\n');
}

/** Splits a word where Japanese and Chinese text may break: not before closing marks and not after opening ones. */
function breakable(word: string): readonly string[] {
  if (/^[\x20-\x7e]*$/.test(word)) return [word];
  const pieces: string[] = [];
  let before = '';
  for (const { segment } of graphemesOf(word)) {
    if (pieces.length > 0 && !mayBreakBetween(before, segment)) pieces.push(`${pieces.pop()}${segment}`);
    else pieces.push(segment);
    before = segment;
  }
  return pieces;
}

/** Whether a line may break between these two characters of a word. */
export function mayBreakBetween(before: string, after: string): boolean {
  return (isWide(before) || isWide(after)) && !closing.test(after) && !opening.test(before);
}

const closing = /^[、。，．・：；？！）］｝」』〉》】ーぁぃぅぇぉっゃゅょァィゥェォッャュョ.,:;?!)\]}%]/;
// After a slash stands the unit of a rate.
const opening = /[（［｛「『〈《【([{/]$/;
const isWide = (grapheme: string): boolean => grapheme !== '' && textWidth(grapheme) > 1;

let segmenter: Intl.Segmenter | undefined;

/** Making a segmenter takes milliseconds, and most commands need none. */
function graphemesOf(text: string): Iterable<Intl.SegmentData> {
  segmenter ??= new Intl.Segmenter();
  return segmenter.segment(text);
}

/** Renders names in one column and their values, wrapped, in a second column; undefined values are left out. */
export function facts(
  pairs: readonly (readonly [string, string | undefined])[],
  columns = Number.POSITIVE_INFINITY,
): string {
  const shown = pairs.filter((pair): pair is readonly [string, string] => pair[1] !== undefined);
  const widest = Math.max(0, ...shown.map(([name]) => textWidth(name)));
  const indent = `\n${' '.repeat(widest + 2)}`;
  const space = Math.max(narrowest, columns - widest - 2);
  const lines = (value: string): string =>
    value
      .split('\n')
      .flatMap((line) => wrap(line, space))
      .join(indent);
  return shown
    .map(([name, value]) => `${name}${' '.repeat(widest - textWidth(name))}  ${lines(value)}`)
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
  if (s < 90) return units.seconds(s);
  const minutes = Math.round(s / 60);
  if (minutes < 90) return units.minutes(minutes);
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? units.hours(hours) : units.hoursMinutes(hours, minutes % 60);
  const days = Math.floor(hours / 24);
  return hours % 24 === 0 ? units.days(days) : units.daysHours(days, hours % 24);
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
