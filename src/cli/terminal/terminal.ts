/**
 * What a command talks to: results go to `out`, talk to `talk` (stderr), and questions are asked only where a person
 * sits at both ends.
 */
import { createInterface } from 'node:readline/promises';
import { stripVTControlCharacters, styleText } from 'node:util';
import type { Environment } from '../../core/environment.ts';
import { type LogLevel, ProxyError } from '../../core/errors.ts';
import { cut } from './layout.ts';
import { openTypedLines, type TypedLines } from './typed-lines.ts';

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

export interface Terminal {
  /** Results: one line, or several. */
  out(text: string): void;
  /** Results that replace, on a terminal, those of the last call; what does not fit the screen is cut. */
  redraw(text: string): void;
  /** Talk: progress, hints, warnings. */
  talk(text: string): void;
  /** Resolves once standard output took everything so far; with the error where it did not. */
  written(): Promise<Error | undefined>;
  /** Bytes of a result as they come, without a newline. */
  write(text: string): void;
  /** Present where stderr is a log of JSON lines: an error becomes one line of the log. */
  readonly log?: (level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>) => void;
  /** Colours for results; the text itself where colours are not wanted. */
  paint(style: Style, text: string): string;
  /** A person reads the results and can be asked. */
  readonly interactive: boolean;
  /** Results go to a terminal: what others wrote must not steer it. */
  readonly outIsTerminal: boolean;
  /** A person types the input. */
  readonly inputIsTerminal: boolean;
  /** Talk goes to a terminal. */
  readonly talkIsTerminal: boolean;
  /** A line of talk that the next one replaces and '' removes; nothing where talk goes to no terminal. */
  progress(text: string): void;
  /** What a person types, line by line; only where `interactive`. Whoever opens it closes it. */
  typedLines(): TypedLines;
  /** Columns of the terminal; 100 where it is none. */
  readonly columns: number;
  /** Columns that a table of results may take: those of the terminal; no limit where a program or a file reads them. */
  readonly tableColumns: number;
  /** One line of an answer; undefined where nobody can be asked, or at the end of input. */
  ask(question: string, signal: AbortSignal): Promise<string | undefined>;
  /** All of standard input. Throws FILE_UNUSABLE where it is larger. */
  readAll(maxBytes: number): Promise<string>;
}

export interface TerminalStreams {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}

export function makeTerminal(streams: TerminalStreams, environment: Environment): Terminal {
  const { stdin, stdout, stderr } = streams;
  // A reader that went away (`flm key list | head -1`) is no fault of ours.
  for (const stream of [stdout, stderr]) stream.on('error', () => {});
  const coloured =
    stdout.isTTY === true && (environment.NO_COLOR ?? '') === '' && environment.TERM !== 'dumb';
  let drawnLines = 0;
  return {
    out: (text) => void stdout.write(`${text}\n`),
    redraw(text) {
      if (stdout.isTTY !== true) return void stdout.write(`${text}\n`);
      // Each line is written over in place and its rest erased: wiping the screen first flickers and loses what was there.
      const lines = text.split('\n').slice(0, stdout.rows - 1);
      const shown = lines.map((line) => `${cut(line, stdout.columns)}\x1b[K\n`).join('');
      stdout.write(`${drawnLines > 0 ? `\x1b[${drawnLines}A\r` : ''}${shown}\x1b[J`);
      drawnLines = lines.length;
    },
    // Colours are chosen by where results go; a file of errors has none.
    talk: (text) => void stderr.write(`${stderr.isTTY === true ? text : stripVTControlCharacters(text)}\n`),
    write: (text) => void stdout.write(text),
    written: () =>
      new Promise((resolve) => {
        // Callbacks come in the order of the writes; a stream that failed before says so.
        if (stdout.errored instanceof Error) resolve(stdout.errored);
        else stdout.write('', (error) => resolve(error ?? undefined));
      }),
    paint: (style, text) => (coloured ? styleText(style, text, { validateStream: false }) : text),
    interactive: stdin.isTTY === true && stdout.isTTY === true,
    outIsTerminal: stdout.isTTY === true,
    inputIsTerminal: stdin.isTTY === true,
    talkIsTerminal: stderr.isTTY === true,
    progress(text) {
      if (stderr.isTTY === true && environment.TERM !== 'dumb') stderr.write(`\r\x1b[K${text}`);
    },
    typedLines: () => openTypedLines(stdin, stdout),
    columns: stdout.columns ?? 100,
    tableColumns: stdout.isTTY === true ? stdout.columns : Number.POSITIVE_INFINITY,
    async ask(question, signal) {
      if (stdin.isTTY !== true || stdout.isTTY !== true) return undefined;
      const lines = createInterface({ input: stdin, output: stdout });
      try {
        return await lines.question(question, { signal });
      } catch {
        // Ctrl-D, Ctrl-C.
        return undefined;
      } finally {
        lines.close();
      }
    },
    async readAll(maxBytes) {
      const pieces: Buffer[] = [];
      let length = 0;
      for await (const piece of stdin as AsyncIterable<Buffer>) {
        length += piece.length;
        if (length > maxBytes) throw tooLarge('standard input', maxBytes);
        pieces.push(piece);
      }
      return Buffer.concat(pieces).toString();
    },
  };
}

/** The refusal of an input that nothing sensible fills. */
export function tooLarge(file: string, maxBytes: number): ProxyError {
  const reason = `it is larger than ${maxBytes} bytes`;
  return new ProxyError('FILE_UNUSABLE', { params: { file, done: 'read', reason } });
}

/** A secret that comes on standard input; no gateway or engine has a longer one. */
export const maxSecretBytes = 64 * 1024;

/** A terminal whose talk becomes lines of a log. */
export function loggingTerminal(terminal: Terminal, log: NonNullable<Terminal['log']>): Terminal {
  return {
    ...terminal,
    log,
    talkIsTerminal: false,
    talk: (text) => log('info', stripVTControlCharacters(text)),
    progress: () => {},
  };
}
