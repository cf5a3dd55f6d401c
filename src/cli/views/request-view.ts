/**
 * Shows a request as text and as JSON: one model, as a line of columns and as a document.
 */
import type { RequestLine } from '../../core/proxy/proxy-handle.ts';
import { clockTime, printable, textWidth } from '../terminal/layout.ts';
import type { Terminal } from '../terminal/terminal.ts';

/** The output of `flm tail --json` for a request; documented in docs/guide.md. */
export interface RequestDocument extends RequestLine {
  /** ISO 8601. */
  readonly at: string;
  readonly proxy: string;
  /** Output tokens a second after the first byte; null if the engine reports no count. */
  readonly tokensPerSecond: number | null;
}

export function requestDocument(line: RequestLine, proxy: string): RequestDocument {
  return { ...line, at: new Date(line.atMs).toISOString(), proxy, tokensPerSecond: speedOf(line) };
}

/** Lines are printed one by one, so columns have fixed widths; a longer value moves the rest. */
const widths = [8, 12, 15, 22, 12, 7, 9, 6] as const;

export const requestHead = columns([
  'TIME',
  'KEY',
  'CLIENT',
  'MODEL',
  'ENGINE',
  'FIRST',
  'TOKENS/S',
  'STATUS',
  'ENDING',
]);

export function requestText(line: RequestLine, terminal: Pick<Terminal, 'paint'>): string {
  const speed = speedOf(line);
  return columns([
    clockTime(line.atMs),
    line.keyLabel === null ? '-' : printable(line.keyLabel),
    printable(line.client),
    // A request without a model is identified by its path.
    printable(line.model ?? `${line.method} ${line.path}`),
    line.engine ?? '-',
    line.firstByteMs === null ? '-' : shortTime(line.firstByteMs),
    speed === null ? '-' : String(speed),
    terminal.paint(line.status < 400 ? 'green' : line.status < 500 ? 'yellow' : 'red', String(line.status)),
    endingText(line),
  ]);
}

/** How the request ended, the rule that refused it, and how long it waited for an engine. */
function endingText({ ending, code, rule, durationMs, queuedMs }: RequestLine): string {
  const told = code === null ? '' : ` ${code}`;
  const by = rule === null ? '' : ` (${printable(rule)})`;
  const waited = queuedMs === null ? '' : `, ${shortTime(queuedMs)} in the queue`;
  if (ending === 'refused') return `refused${told}${by}${waited}`;
  return `${ending}${told} after ${shortTime(durationMs)}${waited}`;
}

function speedOf({ outputTokens, durationMs, firstByteMs, streamed }: RequestLine): number | null {
  // A stream's first byte ends the time for reading the prompt. Without a stream, that time is unknown.
  const ms = streamed ? durationMs - (firstByteMs ?? 0) : durationMs;
  return outputTokens === null || ms <= 0 ? null : Math.round((outputTokens / ms) * 10_000) / 10;
}

/** `42 ms`, `1.3 s`. */
export function shortTime(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function columns(cells: readonly string[]): string {
  return cells.map((cell, i) => padded(cell, widths[i] ?? 0)).join('  ');
}

function padded(cell: string, width: number): string {
  return cell + ' '.repeat(Math.max(0, width - textWidth(cell)));
}
