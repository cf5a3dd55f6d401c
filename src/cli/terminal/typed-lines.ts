/**
 * What a person types into a terminal, line by line, with a history and line editing.
 *
 * Lines that are pasted at once are one message. Between two questions the terminal stays raw and shows nothing of what
 * is typed (it would stand in the middle of an answer); it appears with the next prompt. Ctrl-C is told to whoever
 * listens, since a raw terminal makes no signal of it.
 */
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';

export interface TypedLines {
  /** The next message; undefined at Ctrl-D, or when closed. */
  next(prompt: string): Promise<string | undefined>;
  /** Ctrl-C. `typed` is what stands in the line; it is cleared. */
  onInterrupt: ((typed: string) => void) | undefined;
  close(): void;
}

export function openTypedLines(stdin: NodeJS.ReadStream, stdout: NodeJS.WriteStream): TypedLines {
  let shown = false;
  const output = new Writable({
    write(chunk: Buffer, _encoding, done) {
      if (shown) stdout.write(chunk);
      done();
    },
  });
  const lines = createInterface({ input: stdin, output: withColumns(output, stdout), terminal: true });
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
    // Those of one paste come in one turn of the event loop.
    setImmediate(() => {
      const message = together.join('\n');
      together = [];
      if (waiting === undefined) messages.push(message);
      else give(message);
    });
  });
  lines.on('close', () => {
    closed = true;
    // After a last line that came with the end.
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

/** readline asks its output for the width, and wants to hear of changes. */
function withColumns(output: Writable, stdout: NodeJS.WriteStream): Writable {
  Object.defineProperty(output, 'columns', { get: () => stdout.columns });
  return output;
}
