/**
 * Handles an uncaught error of a proxy: writes one log line and exits with status 2, where Node would print a stack on
 * several lines. A supervisor can then start the proxy again.
 */
import { writeSync } from 'node:fs';
import process from 'node:process';
import type { Unsubscribe } from '../core/clock.ts';
import { logLine } from './log-line.ts';

/** stderr, written synchronously: the log of a process that is about to end. */
const stderr = 2;

/** Installs the handler until the returned function is called. Covers unhandled rejections too. */
export function endByMistake(exit: (status: number) => void = process.exit): Unsubscribe {
  const end = (error: unknown): void => {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    try {
      writeSync(stderr, logLine('error', 'flm ended because of an internal error', { error: text }));
    } catch {
      // The reader is gone, or the disk is full.
    }
    exit(2);
  };
  process.on('uncaughtException', end);
  return () => process.off('uncaughtException', end);
}
