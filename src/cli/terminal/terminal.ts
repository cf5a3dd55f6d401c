/**
 * The input and output of a command. Results go to `out` (stdout), messages to `talk` (stderr). Commands ask questions
 * only if both stdin and stdout are terminals.
 */
import { fstatSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { addAbortSignal, type Readable, Writable } from 'node:stream';
import { stripVTControlCharacters, styleText } from 'node:util';
import type { Environment } from '../../core/environment.ts';
import { type LogLevel, ProxyError } from '../../core/errors.ts';
import { t } from '../i18n/texts.ts';
import { type FullScreen, type FullScreenEvents, openFullScreen } from './full-screen.ts';
import { cut } from './layout.ts';
import { openTypedLines, type TypedLines } from './typed-lines.ts';

export type Style =
  | 'bold'
  | 'dim'
  | 'italic'
  | 'underline'
  | 'strikethrough'
  | 'red'
  | 'green'
  | 'yellow'
  | 'magenta'
  | 'cyan';

export interface Terminal {
  /** Prints a result of one or more lines. */
  out(text: string): void;
  /** On a terminal, replaces the results of the last call. Lines that do not fit the screen are cut. */
  redraw(text: string): void;
  /** Prints a message: progress, a hint, a warning. */
  talk(text: string): void;
  /** Resolves once standard output has accepted all results so far; resolves with the error if a write failed. */
  written(): Promise<Error | undefined>;
  /** Writes bytes of a result as they arrive, without a newline. */
  write(text: string): void;
  /** Set if stderr is a log of JSON lines: an error becomes one line of that log. */
  readonly log?: (level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>) => void;
  /** Colours the text of a result; returns the text unchanged if colours are off. */
  paint(style: Style, text: string): string;
  /** Stdin and stdout are terminals, so a command can ask questions. */
  readonly interactive: boolean;
  /** Results go to a terminal, so control characters in foreign text must be made visible. */
  readonly outIsTerminal: boolean;
  /** Stdin is a terminal. */
  readonly inputIsTerminal: boolean;
  /** Stdin is a file or a pipe of a shell, so it ends by itself. */
  readonly inputIsRedirected: boolean;
  /** Stderr is a terminal. */
  readonly talkIsTerminal: boolean;
  /** Shows a status line that the next call replaces and '' removes. Does nothing if stderr is not a terminal. */
  progress(text: string): void;
  /** Reads typed lines; only if `interactive`. The tab key completes `commands`. The caller must close the object. */
  typedLines(commands?: readonly string[]): TypedLines;
  /** Results have colours and other styles. */
  readonly coloured: boolean;
  /** Makes the text a link (OSC 8) if the terminal shows links; otherwise returns the text unchanged. */
  link(text: string, url: string): string;
  /** The terminal can show a live view; see `fullScreen`. */
  readonly canFillScreen: boolean;
  /** Takes the whole terminal; only if `canFillScreen`. The caller must close the returned object. */
  fullScreen(events: FullScreenEvents): FullScreen;
  /** Current width of the terminal in columns; 100 if the output is not a terminal. */
  readonly columns: number;
  /** Width limit of a table of results: the width of the terminal, or no limit if stdout is a pipe or a file. */
  readonly tableColumns: number;
  /** Asks a question and returns one line; undefined without a terminal or at the end of input. */
  ask(question: string, signal: AbortSignal): Promise<string | undefined>;
  /** Like `ask`, without showing what is typed. */
  askSecret(question: string, signal: AbortSignal): Promise<string | undefined>;
  /** Reads all of standard input. Throws FILE_UNUSABLE if it is larger than the limit; on abort an AbortError. */
  readAll(maxBytes: number, signal: AbortSignal): Promise<string>;
}

export interface TerminalStreams {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}

export function makeTerminal(streams: TerminalStreams, environment: Environment): Terminal {
  const { stdin, stdout, stderr } = streams;
  // A reader that closed its end of the pipe (`flm key list | head -1`) is not an error of flm.
  for (const stream of [stdout, stderr]) stream.on('error', () => {});
  const coloured =
    stdout.isTTY === true && (environment.NO_COLOR ?? '') === '' && environment.TERM !== 'dumb';
  const linked = coloured && showsLinks(environment);
  let drawnLines = 0;
  let drawnColumns = 0;
  return {
    out: (text) => void stdout.write(`${text}\n`),
    redraw(text) {
      if (stdout.isTTY !== true) return void stdout.write(`${text}\n`);
      // Each line is overwritten in place and its rest erased. Clearing the screen first would flicker and lose earlier output.
      const { columns, rows } = stdout;
      const lines = text.split('\n').slice(0, rows - 1);
      const shown = lines.map((line) => `${cut(line, columns)}\x1b[K\n`).join('');
      // Lines that a narrower terminal has wrapped cannot be counted, so the screen starts again.
      const back = drawnLines === 0 ? '' : columns < drawnColumns ? '\x1b[H\x1b[2J' : `\x1b[${drawnLines}A\r`;
      // Terminals that know synchronized output show the whole update at once.
      stdout.write(`\x1b[?2026h${back}${shown}\x1b[J\x1b[?2026l`);
      drawnLines = lines.length;
      drawnColumns = columns;
    },
    // Colours depend on stdout alone; a file that stderr is redirected to gets no colours.
    talk: (text) => void stderr.write(`${stderr.isTTY === true ? text : stripVTControlCharacters(text)}\n`),
    write: (text) => void stdout.write(text),
    written: () =>
      new Promise((resolve) => {
        // Callbacks arrive in the order of the writes; a stream that failed earlier reports the error here.
        if (stdout.errored instanceof Error) resolve(stdout.errored);
        else stdout.write('', (error) => resolve(error ?? undefined));
      }),
    paint: (style, text) => (coloured ? styleText(style, text, { validateStream: false }) : text),
    interactive: stdin.isTTY === true && stdout.isTTY === true,
    outIsTerminal: stdout.isTTY === true,
    inputIsTerminal: stdin.isTTY === true,
    get inputIsRedirected() {
      return isFileOrPipe(stdin);
    },
    talkIsTerminal: stderr.isTTY === true,
    progress(text) {
      if (stderr.isTTY === true && environment.TERM !== 'dumb') stderr.write(`\r\x1b[K${text}`);
    },
    typedLines: (commands) => openTypedLines(stdin, stdout, commands),
    coloured,
    link: (text, url) => (linked ? `\x1b]8;;${url}\x1b\\${text}\x1b]8;;\x1b\\` : text),
    canFillScreen: stdin.isTTY === true && stdout.isTTY === true && environment.TERM !== 'dumb',
    fullScreen: (events) => openFullScreen(stdin, stdout, events),
    get columns() {
      return stdout.columns ?? 100;
    },
    get tableColumns() {
      // A new terminal may not know its width yet and report 0.
      return stdout.isTTY === true && stdout.columns > 0 ? stdout.columns : Number.POSITIVE_INFINITY;
    },
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
    async askSecret(question, signal) {
      if (stdin.isTTY !== true || stdout.isTTY !== true) return undefined;
      const nothing = new Writable({ write: (_chunk, _encoding, done) => done() });
      // From here on the terminal shows nothing that is typed, so the question comes after it.
      const lines = createInterface({ input: stdin, output: nothing, terminal: true });
      stdout.write(question);
      try {
        return await lines.question('', { signal });
      } catch {
        return undefined;
      } finally {
        lines.close();
        stdout.write('\n');
      }
    },
    readAll: async (maxBytes, signal) =>
      (await allOf(addAbortSignal(signal, stdin), t.flags.standardInput, maxBytes)).toString(),
  };
}

/** Sockets are left out: programs that start flm often leave one open as standard input and never end it. */
function isFileOrPipe(stdin: NodeJS.ReadStream): boolean {
  try {
    if (!('fd' in stdin) || typeof stdin.fd !== 'number') return false;
    const kind = fstatSync(stdin.fd);
    return kind.isFile() || kind.isFIFO();
  } catch {
    // Closed by the parent process.
    return false;
  }
}

/** Returns whether the terminal is known to show OSC 8 links. Others may print the address as text. */
function showsLinks(environment: Environment): boolean {
  const {
    TERM = '',
    TERM_PROGRAM = '',
    TMUX,
    VTE_VERSION,
    WT_SESSION,
    KONSOLE_VERSION,
    DOMTERM,
  } = environment;
  // Older versions of tmux and screen show the address.
  if (TMUX !== undefined || /^(screen|tmux)/.test(TERM)) return false;
  if (Number(VTE_VERSION ?? 0) >= 5000) return true;
  if ([WT_SESSION, KONSOLE_VERSION, DOMTERM].some((value) => value !== undefined)) return true;
  return (
    /^(iTerm\.app|WezTerm|vscode|ghostty|Hyper|rio)$/.test(TERM_PROGRAM) ||
    /^(xterm-kitty|xterm-ghostty|alacritty|foot|contour|wezterm)/.test(TERM)
  );
}

/** All bytes of an input, which may be endless. Throws FILE_UNUSABLE if there are more than `maxBytes`. */
export async function allOf(input: Readable, name: string, maxBytes: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of input as AsyncIterable<Buffer>) {
    length += piece.length;
    if (length > maxBytes) {
      const reason = `it is larger than ${maxBytes} bytes`;
      throw new ProxyError('FILE_UNUSABLE', { params: { file: name, done: 'read', reason } });
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** Size limit of a secret on standard input; no gateway or engine uses a longer one. */
export const maxSecretBytes = 64 * 1024;

/** Returns a terminal that writes its messages as lines of a log. */
export function loggingTerminal(terminal: Terminal, log: NonNullable<Terminal['log']>): Terminal {
  return {
    ...terminal,
    log,
    talkIsTerminal: false,
    talk: (text) => log('info', stripVTControlCharacters(text)),
    progress: () => {},
  };
}
