/**
 * Writes styled text into lines of a terminal and wraps it between words, also while a word is still arriving: if its rest
 * does not fit, the part that is shown moves to the next line.
 */
import { mayBreakBetween, textWidth } from '../terminal/layout.ts';
import type { Terminal } from '../terminal/terminal.ts';
import type { StyledText } from './inline-markdown.ts';

export class TextFlow {
  readonly #terminal: Pick<Terminal, 'write' | 'paint' | 'link' | 'tableColumns'>;
  /** Columns of the current line that are written. */
  #column = 0;
  #indent = '';
  #spaces = '';
  #word: StyledText[] = [];
  /** How many parts of the word are written, and their columns. */
  #shownParts = 0;
  #shownWidth = 0;

  constructor(terminal: Pick<Terminal, 'write' | 'paint' | 'link' | 'tableColumns'>) {
    this.#terminal = terminal;
  }

  /** Begins a line with a prefix, such as a bullet. The following lines of the same text begin with `indent`. */
  begin(prefix: string, indent: string): void {
    this.#terminal.write(prefix);
    this.#column = textWidth(prefix);
    this.#indent = indent;
  }

  put(part: StyledText): void {
    if (/^\s+$/.test(part.text) && part.url === undefined) {
      this.#endWord();
      this.#spaces += part.text;
      return;
    }
    // A terminal without links gets the address as text.
    if (part.url !== undefined && part.text !== part.url && this.#terminal.link('', part.url) === '') {
      this.put({ text: part.text, styles: part.styles });
      this.put({ text: ' ', styles: [] });
      return this.put({ text: `(${part.url})`, styles: [] });
    }
    // Japanese and Chinese text may break around each character, but not before a closing mark.
    if (mayBreakBetween(this.#word.at(-1)?.text ?? '', part.text)) this.#endWord();
    this.#word.push(part);
  }

  /** Shows what arrived so far of the current word. */
  show(): void {
    if (this.#shownParts === this.#word.length) return;
    const width = this.#word.reduce((sum, { text }) => sum + textWidth(text), 0);
    const limit = this.#terminal.tableColumns - 1;
    const indentWidth = textWidth(this.#indent);
    const begin =
      this.#shownParts === 0 ? this.#column + this.#spaces.length : this.#column - this.#shownWidth;
    const fits = begin + width <= limit || begin <= indentWidth;
    if (!fits) {
      const back = this.#shownWidth === 0 ? '' : `\x1b[${this.#shownWidth}D\x1b[K`;
      this.#terminal.write(`${back}\n${this.#indent}`);
      this.#column = indentWidth;
      this.#shownParts = 0;
      this.#shownWidth = 0;
    } else if (this.#shownParts === 0) {
      this.#terminal.write(this.#spaces);
      this.#column += this.#spaces.length;
    }
    this.#spaces = '';
    this.#terminal.write(this.#painted(this.#word.slice(this.#shownParts)));
    this.#column += width - this.#shownWidth;
    this.#shownParts = this.#word.length;
    this.#shownWidth = width;
  }

  endLine(): void {
    this.#endWord();
    this.#terminal.write('\n');
    this.#column = 0;
    this.#spaces = '';
    this.#indent = '';
  }

  #endWord(): void {
    this.show();
    this.#word = [];
    this.#shownParts = 0;
    this.#shownWidth = 0;
  }

  /** Neighbours with the same style share one escape sequence. */
  #painted(parts: readonly StyledText[]): string {
    let all = '';
    for (let i = 0; i < parts.length; ) {
      const first = parts[i];
      if (first === undefined) break;
      let text = first.text;
      let next = i + 1;
      while (next < parts.length && isAlike(first, parts[next])) text += parts[next++]?.text ?? '';
      const painted = first.styles.reduce((done, style) => this.#terminal.paint(style, done), text);
      all += first.url === undefined ? painted : this.#terminal.link(painted, first.url);
      i = next;
    }
    return all;
  }
}

function isAlike(a: StyledText, b: StyledText | undefined): boolean {
  return b !== undefined && a.url === undefined && b.url === undefined && a.styles.join() === b.styles.join();
}
