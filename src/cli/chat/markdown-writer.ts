/**
 * Renders Markdown in a terminal while it arrives: headings, lists, quotes, rules, tables, and code with colours. Text that
 * is not Markdown stays as it is. The caller has removed control characters.
 *
 * Lines of code and rows of tables appear when they are complete; all other text appears at once.
 */
import { cut, grid, textWidth } from '../terminal/layout.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { CodeHighlighter } from './code-highlight.ts';
import { InlineMarkdown } from './inline-markdown.ts';
import { TextFlow } from './text-flow.ts';

export type MarkdownTerminal = Pick<Terminal, 'write' | 'paint' | 'link' | 'tableColumns'>;

/** Whether the beginning of a line may still become something else than text. */
const undecided =
  /^\s*(#{1,6}|[-+*_](\s*[-+*_])*\s*|>|`{1,2}|`{3,}[^`\n]*|~{1,2}|~{3,}.*|\d{1,9}[.)]?|\|.*)?\s*$/;
const widestRule = 60;

export class MarkdownWriter {
  readonly #terminal: MarkdownTerminal;
  readonly #flow: TextFlow;
  readonly #inline = new InlineMarkdown();
  /** The beginning of a line, or a line of code, that is not complete. */
  #held = '';
  #inText = false;
  #isHeading = false;
  #code: { readonly fence: string; readonly highlighter: CodeHighlighter } | undefined;
  #rows: string[] = [];

  constructor(terminal: MarkdownTerminal) {
    this.#terminal = terminal;
    this.#flow = new TextFlow(terminal);
  }

  write(text: string): void {
    for (const char of text) this.#take(char);
    if (this.#inText) this.#flow.show();
  }

  /** Shows what is held. The last line is not ended, unless it was a whole block. */
  end(): void {
    if (this.#inText) {
      this.#put(this.#inline.endLine());
      this.#flow.endLine();
    } else if (this.#held !== '') this.#line(this.#held);
    this.#endTable();
    this.#held = '';
    this.#inText = false;
    this.#code = undefined;
  }

  #take(char: string): void {
    if (this.#inText) {
      if (char !== '\n') return this.#put(this.#inline.push(char));
      this.#put(this.#inline.endLine());
      this.#flow.endLine();
      this.#inText = false;
      return;
    }
    if (char === '\n') {
      const line = this.#held;
      this.#held = '';
      return this.#line(line);
    }
    this.#held += char;
    if (this.#code !== undefined || this.#mayBeBlock()) return;
    const line = this.#held;
    this.#held = '';
    this.#beginText(line);
  }

  /** Long lines are decided early, because the time for the test grows with the line. */
  #mayBeBlock(): boolean {
    const longest = /^\s*[|`~]/.test(this.#held) ? 4_000 : 100;
    return this.#held.length <= longest && undecided.test(this.#held);
  }

  /** A whole line that was not text from its beginning. */
  #line(line: string): void {
    const { paint, write } = this.#terminal;
    if (this.#code !== undefined) {
      const { fence, highlighter } = this.#code;
      const isEnd = line.trim().startsWith(fence) && line.trim().replaceAll(fence.charAt(0), '') === '';
      if (isEnd) this.#code = undefined;
      return write(`${isEnd ? paint('dim', line) : highlighter.line(line)}\n`);
    }
    if (/^\s*\|/.test(line)) return void this.#rows.push(line.trim());
    this.#endTable();
    const opening = /^\s*(`{3,}|~{3,})\s*([^\s`]*)/.exec(line);
    if (opening !== null) {
      const [, fence = '', language = ''] = opening;
      this.#code = { fence, highlighter: new CodeHighlighter(language, paint) };
      return write(`${paint('dim', line)}\n`);
    }
    if (/^\s*([-*_])(\s*\1){2,}\s*$/.test(line)) {
      const width = Math.min(this.#terminal.tableColumns - 1, widestRule);
      return write(`${paint('dim', '─'.repeat(width))}\n`);
    }
    if (line.trim() === '') return write('\n');
    this.#beginText(line);
    this.#take('\n');
  }

  #beginText(line: string): void {
    this.#endTable();
    this.#inText = true;
    this.#isHeading = false;
    const { paint } = this.#terminal;
    const heading = /^#{1,6} +(.*)$/.exec(line);
    const quote = /^> ?(.*)$/.exec(line);
    const bullet = /^(\s*)[-*+] +(.*)$/.exec(line);
    const number = /^(\s*\d{1,9}[.)] +)(.*)$/.exec(line);
    let text = line;
    if (heading !== null) {
      this.#isHeading = true;
      text = heading[1] ?? '';
      this.#flow.begin('', '');
    } else if (quote !== null) {
      text = quote[1] ?? '';
      this.#flow.begin(paint('dim', '│ '), paint('dim', '│ '));
    } else if (bullet !== null) {
      const [, before = '', after = ''] = bullet;
      text = after;
      this.#flow.begin(`${before}• `, `${before}  `);
    } else if (number !== null) {
      const [, before = '', after = ''] = number;
      text = after;
      this.#flow.begin(before, ' '.repeat(before.length));
    } else {
      const [before = ''] = /^\s*/.exec(line) ?? [];
      text = line.slice(before.length);
      this.#flow.begin(before, before);
    }
    for (const char of text) this.#put(this.#inline.push(char));
  }

  #put(parts: ReturnType<InlineMarkdown['push']>): void {
    for (const part of parts)
      this.#flow.put(this.#isHeading ? { ...part, styles: ['bold', ...part.styles] } : part);
  }

  /** A table has a second row of dashes; other lines that begin with a bar stay as they are. */
  #endTable(): void {
    const rows = this.#rows;
    this.#rows = [];
    if (rows.length === 0) return;
    const { write, paint, tableColumns } = this.#terminal;
    if (!/^\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?$/.test(rows[1] ?? '')) return write(`${rows.join('\n')}\n`);
    const cells = rows
      .filter((_, i) => i !== 1)
      .map((row) => cellsOf(row).map((cell) => this.#rendered(cell)));
    const [head = '', ...body] = grid(cells);
    const shown = [paint('bold', head), paint('dim', '─'.repeat(textWidth(head))), ...body];
    // A wide table is clearer with cut lines than with wrapped ones only while little is lost.
    const fits = shown.every((line) => textWidth(line) <= tableColumns * 1.2);
    write(fits ? `${shown.map((line) => cut(line, tableColumns)).join('\n')}\n` : `${rows.join('\n')}\n`);
  }

  #rendered(cell: string): string {
    const inline = new InlineMarkdown();
    const parts = [...cell].flatMap((char) => inline.push(char));
    return [...parts, ...inline.endLine()]
      .map(({ text, styles }) => styles.reduce((done, style) => this.#terminal.paint(style, done), text))
      .join('');
  }
}

function cellsOf(row: string): readonly string[] {
  return row
    .replace(/^\|/, '')
    .replace(/\|$/, '')
    .split(/(?<!\\)\|/)
    .map((cell) => cell.replaceAll('\\|', '|').trim());
}
