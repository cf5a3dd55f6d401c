/**
 * Shows a request as text and as JSON: one model, as a line of columns and as a document.
 */
import type { RequestLine } from '../../core/proxy/proxy-handle.ts';
import { tokensPerSecond } from '../../core/proxy/request-document.ts';
import { tail as texts } from '../i18n/en/tail.ts';
import { clockTime, fit, printable, textWidth } from '../terminal/layout.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { shortTime } from '../terminal/units.ts';

/** The output of `flm tail --json` for a request; documented in docs/guide.md. */
export interface RequestDocument extends RequestLine {
  /** ISO 8601. */
  readonly at: string;
  readonly proxy: string;
  /** Output tokens a second after the first byte; null if the engine reports no count. */
  readonly tokensPerSecond: number | null;
}

export function requestDocument(line: RequestLine, proxy: string): RequestDocument {
  return { ...line, at: new Date(line.atMs).toISOString(), proxy, tokensPerSecond: tokensPerSecond(line) };
}

interface TailColumn {
  readonly name: keyof typeof texts.columns;
  readonly width: number;
  /** The smallest width, in a narrow terminal. */
  readonly least?: number;
  /** The largest width, in a wide terminal. */
  readonly most?: number;
  readonly right?: boolean;
  /** Left out in a narrow terminal; the lowest number goes first. */
  readonly drop?: number;
}

const allColumns: readonly TailColumn[] = [
  { name: 'status', width: 6 },
  { name: 'time', width: 8 },
  { name: 'key', width: 12, least: 8, most: 24 },
  { name: 'model', width: 18, least: 12, most: 40 },
  { name: 'engine', width: 12, most: 20, drop: 3 },
  { name: 'client', width: 15, most: 39, drop: 1 },
  { name: 'first', width: 7, right: true, drop: 2 },
  { name: 'speed', width: 6, right: true, drop: 4 },
  { name: 'took', width: 7, right: true },
];
/** The space that the last column should have: `refused` with a short code. */
const endingWidth = 12;
/** The space that it has at least: `done`, and its heading. */
const leastEndingWidth = 6;
/** An ending that does not fit stands on a line of its own, below the time. */
const endingIndent = ' '.repeat(8);

/** The columns that fit, with their widths. They stay the same for all lines, so values that are too long are cut. */
export function tailColumns(columns: number): readonly TailColumn[] {
  const shown = [...allColumns];
  const space = (): number => columns - endingWidth - shown.reduce((sum, { width }) => sum + width + 2, 0);
  while (space() < 0) {
    const droppable = shown.filter(({ drop }) => drop !== undefined);
    if (droppable.length === 0) break;
    const next = droppable.reduce((a, b) => ((b.drop ?? 0) < (a.drop ?? 0) ? b : a));
    shown.splice(shown.indexOf(next), 1);
  }
  // Half of the space that is left widens the names; the rest is for the ending. A file has no width.
  // If that was not enough, names become narrower.
  let over = Math.max(0, leastEndingWidth - endingWidth - space());
  let left = Number.isFinite(columns) ? Math.max(0, Math.floor(space() / 2)) : 0;
  return shown.map((column) => {
    const less = Math.min(over, column.width - (column.least ?? column.width));
    over -= less;
    if (less > 0) return { ...column, width: column.width - less };
    const more = Math.min(left, (column.most ?? column.width) - column.width);
    left -= more;
    return more === 0 ? column : { ...column, width: column.width + more };
  });
}

export function requestHead(columns: readonly TailColumn[]): string {
  const names = columns.map(({ name, width, right }) => fit(texts.columns[name], width, right));
  return [...names, texts.columns.ending].join('  ');
}

export function requestText(
  line: RequestLine,
  columns: readonly TailColumn[],
  terminal: Pick<Terminal, 'paint' | 'outIsTerminal' | 'tableColumns'>,
): string {
  const speed = tokensPerSecond(line);
  const cells = {
    status: String(line.status),
    time: clockTime(line.atMs),
    key: line.keyLabel === null ? '-' : printable(line.keyLabel),
    // A request without a model is identified by its path.
    model: printable(line.model ?? `${line.method} ${line.path}`),
    engine: line.engine ?? '-',
    client: printable(line.client),
    first: line.firstByteMs === null ? '-' : shortTime(line.firstByteMs),
    speed: speed === null ? '-' : String(speed),
    took: shortTime(line.durationMs),
    ending: '',
  };
  const shown = columns.map(({ name, width, right }) => {
    const cell = cells[name];
    // In a file, a whole value is worth more than a straight column.
    const text = !terminal.outIsTerminal && textWidth(cell) > width ? cell : fit(cell, width, right);
    return name === 'status' ? terminal.paint(statusStyle(line.status), text) : text;
  });
  const front = shown.join('  ');
  const ending = endingText(line, terminal);
  return textWidth(front) + 2 + textWidth(ending) <= terminal.tableColumns
    ? `${front}  ${ending}`
    : `${front}\n${endingIndent}${ending}`;
}

export function statusStyle(status: number): 'green' | 'yellow' | 'red' {
  return status < 400 ? 'green' : status < 500 ? 'yellow' : 'red';
}

/** How the request ended, the rule that refused it, and how long it waited for an engine. */
function endingText(
  { ending, code, rule, queuedMs, status }: RequestLine,
  { paint }: Pick<Terminal, 'paint'>,
): string {
  const told = code === null ? '' : ` ${code}`;
  const by = rule === null || ending !== 'refused' ? '' : ` (${printable(rule)})`;
  const waited = queuedMs === null ? '' : `, ${texts.queued(shortTime(queuedMs))}`;
  const how = `${ending}${told}${by}`;
  return `${ending === 'done' ? how : paint(status < 500 ? 'yellow' : 'red', how)}${waited}`;
}
