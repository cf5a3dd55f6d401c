/**
 * The log, as JSON lines. It never contains a key, a prompt or a response: the logged fields cannot hold one, and
 * header fields are never logged.
 */
import { pino } from 'pino';
import type { LogLevel } from '../core/errors.ts';
import { oneLine } from '../core/one-line.ts';
import type { RequestLine } from '../core/proxy/proxy-handle.ts';
import { AccessLines } from './access-line.ts';

/** Receives log lines; one call per line, newline included. Never throws. */
export interface LogDestination {
  write(line: string): void;
  /** Lines that could not be written so far. */
  readonly lostLines?: number;
}

export interface Logger {
  /** The access line of one request. */
  access(line: RequestLine): void;
  /** Logs an event for an operator. `fields` contain no secret. */
  event(level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>): void;
}

export interface LoggerOptions {
  readonly destination: LogDestination;
  readonly level: LogLevel;
}

export function createLogger(options: LoggerOptions): Logger {
  const destination = { write: (line: string) => options.destination.write(oneLine(line)) };
  const log = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
  const lines = new AccessLines();
  const logsRequests = log.isLevelEnabled('info');
  return {
    access(line) {
      if (!logsRequests) return;
      options.destination.write(lines.text(line));
    },
    event: (level, message, fields = {}) => log[level](fields, message),
  };
}
