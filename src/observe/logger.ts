/**
 * The log: JSON lines for machines, one short line for a person at a terminal. Never a key, a prompt or an answer:
 * what is logged is made of fields that cannot hold one, and header fields are not logged at all.
 */
import { pino } from 'pino';
import type { LogLevel } from '../core/errors.ts';
import { oneLine } from '../core/one-line.ts';
import type { RequestLine } from '../core/proxy/proxy-handle.ts';
import { accessLine } from './access-line.ts';

/** Where lines go; one call a line, newline included. Never throws. */
export interface LogDestination {
  write(line: string): void;
}

export interface Logger {
  /** The access line of one request. */
  access(line: RequestLine): void;
  /** Something an operator may want to know; `fields` hold no secret. */
  event(level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>): void;
}

export interface LoggerOptions {
  readonly destination: LogDestination;
  readonly level: LogLevel;
  /** For a person: time, level, message, fields as `name=value`. */
  readonly pretty: boolean;
}

export function createLogger(options: LoggerOptions): Logger {
  const destination = {
    write: (line: string) => options.destination.write(options.pretty ? prettyLine(line) : oneLine(line)),
  };
  const log = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
  const { pretty } = options;
  const logsRequests = log.isLevelEnabled('info');
  return {
    access(line) {
      if (!logsRequests) return;
      const text = accessLine(line);
      options.destination.write(pretty ? prettyLine(text) : text);
    },
    event: (level, message, fields = {}) => log[level](fields, message),
  };
}

function prettyLine(json: string): string {
  const { time, level, msg, ...rest } = JSON.parse(json) as Record<string, unknown>;
  const at = String(time).slice(11, 19);
  const fields = Object.entries(rest)
    .filter(([, value]) => value !== null && value !== '')
    .map(
      ([name, value]) =>
        `${name}=${typeof value === 'string' ? quoted(value) : oneLine(JSON.stringify(value))}`,
    )
    .join(' ');
  return `${at} ${String(level).padEnd(5)} ${String(msg)} ${fields}\n`;
}

/** Nothing that steers a terminal reaches it, nor turns its text around: what needs quotes is written as JSON. */
function quoted(value: string): string {
  if (/^[\x21-\x7e]+$/.test(value)) return value;
  return oneLine(JSON.stringify(value)).replaceAll(
    /\p{Cf}/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
}
