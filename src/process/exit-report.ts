/** What a process that ended wrote last to its log: the reason, for the person who started it. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

const maxBytes = 64 * 1024;
const maxLength = 300;

/** Of what was written from `start` on, the line that says why it ended; undefined if there is none. */
export function lastWords(logFile: string, start: number): string | undefined {
  const lines = written(logFile, start)
    .split('\n')
    .map((line) => line.trim())
    // Lines of the log are JSON; Node ends the trace of an error with its version and a hint.
    .filter((line) => line !== '' && !/^(\{|\}|at |Node\.js v|\(Use `node)/.test(line));
  const error = lines.findLast((line) => /^(Uncaught )?[A-Z]\w*Error\b.*: /.test(line));
  return (error ?? lines.at(-1))?.slice(0, maxLength).replace(/\.$/, '');
}

function written(logFile: string, start: number): string {
  try {
    const file = openSync(logFile, 'r');
    try {
      const end = fstatSync(file).size;
      const from = Math.max(start, end - maxBytes);
      const bytes = Buffer.alloc(Math.max(0, end - from));
      return bytes.toString('utf8', 0, readSync(file, bytes, 0, bytes.length, from));
    } finally {
      closeSync(file);
    }
  } catch {
    return '';
  }
}
