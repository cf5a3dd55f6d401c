/**
 * Shows a request as text and as JSON: one model, as a line of columns and as a document.
 */
import type { RequestLine } from '../../core/proxy/proxy-handle.ts';
import { tokensPerSecond } from '../../core/proxy/request-document.ts';
import { t } from '../i18n/texts.ts';
import { translated } from '../i18n/translated.ts';
import { type FixedColumn, fixedColumns } from '../terminal/fixed-columns.ts';
import { clockTime, fit, printable, textWidth } from '../terminal/layout.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { shortTime } from '../terminal/units.ts';

const texts = t.tail;

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

type TailColumn = FixedColumn<keyof typeof texts.columns>;

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

/** The columns that fit. Values that are too long are cut. */
export function tailColumns(columns: number): readonly TailColumn[] {
  return fixedColumns(allColumns, columns, { width: endingWidth, least: leastEndingWidth });
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
  const by = rule === null || ending !== 'refused' ? '' : texts.byRule(printable(translated(rule)));
  const waited = queuedMs === null ? [] : [texts.queued(shortTime(queuedMs))];
  const how = `${ending}${told}${by}`;
  return t.units.list([ending === 'done' ? how : paint(status < 500 ? 'yellow' : 'red', how), ...waited]);
}
