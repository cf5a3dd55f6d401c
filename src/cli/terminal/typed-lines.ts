/**
 * Reads lines that the user types into a terminal, with a history and line editing.
 *
 * Lines that are pasted together are one message. Between two questions the terminal stays in raw mode and does not show
 * typed characters, because they would appear in the middle of an answer; they appear with the next prompt. A raw
 * terminal sends no signal for Ctrl-C, so listeners are called instead.
 */
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';

export interface TypedLines {
  /** Returns the next message; undefined after Ctrl-D or when closed. */
  next(prompt: string): Promise<string | undefined>;
  /** Called on Ctrl-C. `typed` is the text of the current line, which is then cleared. */
  onInterrupt: ((typed: string) => void) | undefined;
  close(): void;
}

/** The tab key completes a line that begins like one of `commands`. */
export function openTypedLines(
  stdin: NodeJS.ReadStream,
  stdout: NodeJS.WriteStream,
  commands: readonly string[] = [],
): TypedLines {
  let shown = false;
  const output = new Writable({
    write(chunk: Buffer, _encoding, done) {
      if (shown) stdout.write(chunk);
      done();
    },
  });
  const lines = createInterface({
    input: stdin,
    output: withColumns(output, stdout),
    terminal: true,
    historySize: 500,
    removeHistoryDuplicates: true,
    completer: (line: string) => [commands.filter((command) => command.startsWith(line)), line],
  });
  const messages: string[] = [];
  let together: string[] = [];
  let waiting: ((message: string | undefined) => void) | undefined;
  let closed = false;

  const give = (message: string | undefined): void => {
    const resolve = waiting;
    waiting = undefined;
    shown = false;
    resolve?.(message);
  };
  lines.on('line', (line) => {
    together.push(line);
    if (together.length > 1) return;
    // All lines of one paste arrive in one turn of the event loop.
    setImmediate(() => {
      const message = together.join('\n');
      together = [];
      if (waiting === undefined) messages.push(message);
      else give(message);
    });
  });
  lines.on('close', () => {
    closed = true;
    // The input may have ended with a last line that was not returned yet.
    setImmediate(() => give(messages.shift()));
  });

  const typed: TypedLines = {
    onInterrupt: undefined,
    next(prompt) {
      const early = messages.shift();
      if (early !== undefined || closed) return Promise.resolve(early);
      return new Promise((resolve) => {
        waiting = resolve;
        shown = true;
        lines.setPrompt(prompt);
        lines.prompt(true);
      });
    },
    close: () => lines.close(),
  };
  lines.on('SIGINT', () => {
    const line = lines.line;
    if (line !== '') lines.write(null, { ctrl: true, name: 'e' });
    if (line !== '') lines.write(null, { ctrl: true, name: 'u' });
    typed.onInterrupt?.(line);
  });
  return typed;
}

/** readline reads the width of its output and listens for changes of the width. */
function withColumns(output: Writable, stdout: NodeJS.WriteStream): Writable {
  Object.defineProperty(output, 'columns', { get: () => stdout.columns });
  return output;
}
