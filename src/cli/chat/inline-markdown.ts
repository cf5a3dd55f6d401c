/**
 * Reads the inline markup of one line of Markdown, character by character: emphasis, code, strikethrough, links and
 * escapes. A character is returned as soon as its style is known, so that an answer appears while it streams. Markup that
 * is not closed in its line ends with the line.
 */
import type { Style } from '../terminal/terminal.ts';

export interface StyledText {
  readonly text: string;
  readonly styles: readonly Style[];
  /** The target of a link. */
  readonly url?: string;
}

const longestLink = 600;
const punctuation = /^[!-/:-@[-`{-~]$/;

export class InlineMarkdown {
  #pending = '';
  #before = '';
  #bold = false;
  #italic = false;
  #strike = false;
  /** The length of the run of backticks that opened the code; 0 outside of code. */
  #codeRun = 0;
  #out: StyledText[] = [];

  /** Returns what is known after this character. */
  push(char: string): readonly StyledText[] {
    this.#take(char);
    return this.#taken();
  }

  /** Returns what the line still holds, and begins a new line. */
  endLine(): readonly StyledText[] {
    const pending = this.#pending;
    this.#pending = '';
    if (pending.startsWith('[')) this.#literally(pending);
    else if (pending !== '') this.#resolve(pending, ' ');
    this.#before = '';
    this.#bold = false;
    this.#italic = false;
    this.#strike = false;
    this.#codeRun = 0;
    return this.#taken();
  }

  #taken(): readonly StyledText[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #take(char: string): void {
    if (this.#pending.startsWith('[')) return this.#takeInLink(char);
    const pending = this.#pending;
    if (pending !== '' && pending !== '\\' && char === pending[0]) {
      this.#pending += char;
      return;
    }
    this.#pending = '';
    if (pending === '\\' && punctuation.test(char)) return this.#emit(char);
    if (pending !== '') this.#resolve(pending, char);
    if (this.#codeRun > 0 ? char === '`' : /[*_~`[\\]/.test(char)) this.#pending = char;
    else this.#emit(char);
  }

  #takeInLink(char: string): void {
    this.#pending += char;
    const link = /^\[([^[\]]+)\]\((https?:\/\/[^()\s]+|mailto:[^()\s]+)\)$/.exec(this.#pending);
    if (link !== null) {
      const [, text = '', url = ''] = link;
      this.#pending = '';
      this.#out.push({ text, styles: [...this.#styles(), 'underline'], url });
      this.#before = ')';
      return;
    }
    const mayBe = /^\[[^[\]]*(\](\([^()\s]*)?)?$/.test(this.#pending);
    if (mayBe && this.#pending.length < longestLink) return;
    const text = this.#pending;
    this.#pending = '';
    this.#literally(text);
  }

  /** Text that began like a link and is none. */
  #literally(text: string): void {
    this.#emit('[');
    for (const char of text.slice(1)) this.#take(char);
  }

  /** A run of markers, and the character after it. */
  #resolve(run: string, after: string): void {
    const spaceBefore = this.#before === '' || /\s/.test(this.#before);
    const spaceAfter = /\s/.test(after);
    const inWord = /[\p{L}\p{N}]/u.test(this.#before) && /[\p{L}\p{N}]/u.test(after);
    const toggles = (isOn: boolean): boolean => (isOn ? !spaceBefore : !spaceAfter);
    switch (run[0]) {
      case '`':
        if (this.#codeRun === 0) this.#codeRun = run.length;
        else if (run.length === this.#codeRun) this.#codeRun = 0;
        else this.#emit(run);
        return;
      case '~':
        if (run.length === 2 && toggles(this.#strike)) this.#strike = !this.#strike;
        else this.#emit(run);
        return;
      case '*':
      case '_': {
        const strong = run.length >= 2;
        const weak = run.length % 2 === 1;
        const fits = (!strong || toggles(this.#bold)) && (!weak || toggles(this.#italic));
        if (!fits || run.length > 3 || (run[0] === '_' && inWord)) return this.#emit(run);
        if (strong) this.#bold = !this.#bold;
        if (weak) this.#italic = !this.#italic;
        return;
      }
      default:
        this.#emit(run);
    }
  }

  #emit(text: string): void {
    this.#out.push({ text, styles: this.#styles() });
    this.#before = text.at(-1) ?? '';
  }

  #styles(): readonly Style[] {
    if (this.#codeRun > 0) return ['cyan'];
    return [
      ...(this.#bold ? (['bold'] as const) : []),
      ...(this.#italic ? (['italic'] as const) : []),
      ...(this.#strike ? (['strikethrough'] as const) : []),
    ];
  }
}
