/** Log lines that are written without the logger: before it exists, or about it. */

import type { LogLevel } from '../core/errors.ts';
import { oneLine } from '../core/one-line.ts';

export function logLine(
  level: LogLevel,
  msg: string,
  fields: Readonly<Record<string, unknown>> = {},
  atMs: number = Date.now(),
): string {
  return `${oneLine(JSON.stringify({ level, time: new Date(atMs).toISOString(), ...fields, msg }))}\n`;
}

/** Returns a line that reports missing lines. */
export function lossLine(lost: number, reason: string, atMs: number): string {
  return logLine('warn', `${lost} lines of the log were lost: ${reason}`, { lost }, atMs);
}

/** Writes Node's warnings as log lines. Node itself then prints no warnings. */
export function logNodeWarnings(write: (line: string) => void): void {
  process.removeAllListeners('warning');
  process.on('warning', ({ name, message, stack, ...more }) => {
    const code = 'code' in more && typeof more.code === 'string' ? { code: more.code } : {};
    write(logLine('warn', message, { name, ...code, stack }));
  });
}
