/**
 * Writes an answer as it arrives, with dimmed reasoning before it. A terminal with colours gets rendered Markdown, another
 * one the text as the model wrote it. Removes everything that could control the terminal:
 * a model repeats text of others, and an escape sequence in it could change the window title, move the cursor or write
 * to the clipboard.
 */
import type { ChatPiece } from '../../app/chat/chat-client.ts';
import { printableLines } from '../terminal/layout.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { type MarkdownTerminal, MarkdownWriter } from './markdown-writer.ts';

export class ChatWriter {
  readonly #terminal: MarkdownTerminal;
  readonly #markdown: MarkdownWriter | undefined;
  #kind: ChatPiece['kind'] | undefined;
  #atLineStart = true;
  /** A CR at the end of a piece may be half of a CRLF. */
  #heldReturn = false;

  constructor(terminal: MarkdownTerminal & Pick<Terminal, 'coloured'>) {
    this.#terminal = terminal;
    this.#markdown = terminal.coloured ? new MarkdownWriter(terminal) : undefined;
  }

  piece({ kind, text }: ChatPiece): void {
    if (this.#kind === 'reasoning' && kind === 'text') this.#raw(this.#atLineStart ? '\n' : '\n\n');
    this.#kind = kind;
    const whole = this.#heldReturn ? `\r${text}` : text;
    this.#heldReturn = whole.endsWith('\r');
    const fit = printableLines(this.#heldReturn ? whole.slice(0, -1) : whole);
    if (fit === '') return;
    if (kind === 'text' && this.#markdown !== undefined) this.#markdown.write(fit);
    else this.#raw(kind === 'reasoning' ? this.#dim(fit) : fit);
    this.#atLineStart = fit.endsWith('\n');
  }

  /** Ends the current line, if there is one. */
  end(): void {
    if (this.#kind === 'text' && this.#markdown !== undefined) this.#markdown.end();
    else if (!this.#atLineStart) this.#raw('\n');
    this.#atLineStart = true;
    this.#heldReturn = false;
    this.#kind = undefined;
  }

  /** Applies the style line by line: in some terminals a style that crosses a line end colours the rest of the line. */
  #dim(text: string): string {
    return text
      .split('\n')
      .map((line) => (line === '' ? '' : this.#terminal.paint('dim', line)))
      .join('\n');
  }

  #raw(text: string): void {
    this.#terminal.write(text);
  }
}
