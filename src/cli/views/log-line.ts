/**
 * Formats a log line for people: time, level, message, and fields as `name=value`.
 */
import { oneLine } from '../../core/one-line.ts';
import { printable } from '../terminal/layout.ts';

/** A line that is not a JSON object is shown unchanged, except for characters that control the terminal. */
export function readableLine(line: string): string {
  const fields = objectIn(line);
  if (fields === undefined) return printable(line);
  // `atMs` repeats `time`.
  const { time, level, msg, atMs: _, ...rest } = fields;
  const shown = Object.entries(rest)
    .filter(([, value]) => value !== null && value !== '')
    .map(
      ([name, value]) =>
        `${quoted(name)}=${typeof value === 'string' ? quoted(value) : escaped(JSON.stringify(value))}`,
    );
  return [
    clockTime(time),
    printable(String(level ?? '')).padEnd(5),
    printable(String(msg ?? '')),
    ...shown,
  ].join(' ');
}

function objectIn(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function clockTime(time: unknown): string {
  const at = new Date(String(time));
  if (Number.isNaN(at.getTime())) return '-';
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** A text that needs quotes is written as JSON. */
function quoted(value: string): string {
  return /^[\x21-\x7e]+$/.test(value) ? value : escaped(JSON.stringify(value));
}

/** Escapes characters that control the terminal or change the direction of text. */
function escaped(json: string): string {
  return oneLine(json).replaceAll(
    /\p{Cf}/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
}
