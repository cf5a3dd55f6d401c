/**
 * The whole terminal for a live view: its alternate screen, without a cursor, with keys that arrive one by one. The screen
 * that the user had before comes back on every way out, also when the process ends by an error.
 */
import { writeSync } from 'node:fs';
import process from 'node:process';
import { emitKeypressEvents } from 'node:readline';
import { cut } from './layout.ts';

export interface FullScreen {
  /** The size now. */
  readonly columns: number;
  readonly rows: number;
  /** Shows these lines from the top; lines that are too long or too many are cut. */
  draw(lines: readonly string[]): void;
  /** Gives the terminal back. Calling it again does nothing. */
  close(): void;
}

export interface FullScreenEvents {
  /** `up`, `escape`, a letter; with Ctrl: `ctrl-c`. */
  readonly onKey: (key: string) => void;
  readonly onResize: () => void;
}

const enter = '\x1b[?1049h\x1b[?25l\x1b[2J';
const leave = '\x1b[?25h\x1b[?1049l';

export function openFullScreen(
  stdin: NodeJS.ReadStream,
  stdout: NodeJS.WriteStream,
  { onKey, onResize }: FullScreenEvents,
): FullScreen {
  let isOpen = true;
  // A new terminal may not know its size yet and report 0.
  const size = (): { columns: number; rows: number } => ({
    columns: stdout.columns > 0 ? stdout.columns : 80,
    rows: stdout.rows > 0 ? stdout.rows : 24,
  });
  const takeKey = (text: string | undefined, key: { name?: string; ctrl?: boolean } = {}): void => {
    const name = key.name ?? text ?? '';
    onKey(key.ctrl === true ? `ctrl-${name}` : name);
  };
  // Nothing asynchronous is written while a process exits.
  const restore = (): void => {
    try {
      stdin.setRawMode(false);
    } catch {
      // The terminal is gone.
    }
    try {
      writeSync(1, leave);
    } catch {
      // As above.
    }
  };
  const resized = (): void => {
    stdout.write('\x1b[2J');
    onResize();
  };
  process.on('exit', restore);
  stdout.on('resize', resized);
  emitKeypressEvents(stdin);
  stdin.setRawMode(true);
  stdin.on('keypress', takeKey);
  stdin.resume();
  stdout.write(enter);
  return {
    get columns() {
      return size().columns;
    },
    get rows() {
      return size().rows;
    },
    draw(lines) {
      if (!isOpen) return;
      const { columns, rows } = size();
      // No line end after the last line: it would scroll the screen.
      const shown = lines.slice(0, rows).map((line) => `${cut(line, columns)}\x1b[K`);
      stdout.write(`\x1b[?2026h\x1b[H${shown.join('\r\n')}\x1b[J\x1b[?2026l`);
    },
    close() {
      if (!isOpen) return;
      isOpen = false;
      process.off('exit', restore);
      stdout.off('resize', resized);
      stdin.off('keypress', takeKey);
      stdin.pause();
      restore();
    },
  };
}
