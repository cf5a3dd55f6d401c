/**
 * Colours one line of code after the other: comments, strings, numbers and keywords. It knows the lexical rules that many
 * languages share, not their grammar, and leaves the text as it is otherwise.
 */
import type { Style } from '../terminal/terminal.ts';

interface Lexis {
  readonly lineComment?: RegExp;
  readonly blockComment?: readonly [string, string];
  readonly strings: RegExp;
  readonly keywords: ReadonlySet<string>;
}

const words = (text: string): ReadonlySet<string> => new Set(text.split(' '));
const usualStrings = /^("(?:\\.|[^"\\])*"?|'(?:\\.|[^'\\])*'?|`(?:\\.|[^`\\])*`?)/;
const doubleQuoted = /^"(?:\\.|[^"\\])*"?/;
const slashes = { lineComment: /^\/\/.*/, blockComment: ['/*', '*/'] as const, strings: usualStrings };
const hashes = { lineComment: /^#.*/, strings: usualStrings };

const script = words(
  'as async await break case catch class const continue default delete do else enum export extends false finally for from function get if implements import in instanceof interface let new null of private protected public readonly return satisfies set static super switch this throw true try type typeof undefined var void while yield',
);
const lexes: Readonly<Record<string, Lexis>> = {
  js: { ...slashes, keywords: script },
  c: {
    ...slashes,
    keywords: words(
      'abstract auto bool boolean break case catch char class const continue default delete do double else enum extends extern false final float for foreach goto if implements import include inline int interface internal long namespace new null nullptr override package private protected public return short signed sizeof static string struct super switch template this throw throws true try typedef typename union unsigned using var virtual void volatile while',
    ),
  },
  go: {
    ...slashes,
    keywords: words(
      'break case chan const continue default defer else fallthrough false for func go goto if import interface map nil package range return select struct switch true type var',
    ),
  },
  rust: {
    ...slashes,
    strings: doubleQuoted,
    keywords: words(
      'as async await break const continue crate dyn else enum extern false fn for if impl in let loop match mod move mut pub ref return self Self static struct super trait true type unsafe use where while',
    ),
  },
  python: {
    ...hashes,
    keywords: words(
      'and as assert async await break class continue def del elif else except False finally for from global if import in is lambda None nonlocal not or pass raise return True try while with yield',
    ),
  },
  shell: {
    ...hashes,
    keywords: words(
      'case do done elif else esac exit export fi for function if in local return set shift then until while',
    ),
  },
  sql: {
    lineComment: /^--.*/,
    strings: usualStrings,
    keywords: words(
      'and as asc between by case create delete desc distinct drop else end exists from group having in index inner insert into is join left like limit not null on or order outer primary key references right select set table then union unique update values when where with',
    ),
  },
  data: { lineComment: /^#.*/, strings: usualStrings, keywords: words('true false null yes no') },
};

const aliases: Readonly<Record<string, string>> = {
  javascript: 'js',
  jsx: 'js',
  mjs: 'js',
  ts: 'js',
  tsx: 'js',
  typescript: 'js',
  json: 'js',
  jsonc: 'js',
  swift: 'js',
  kotlin: 'js',
  cpp: 'c',
  'c++': 'c',
  h: 'c',
  hpp: 'c',
  java: 'c',
  cs: 'c',
  csharp: 'c',
  'c#': 'c',
  php: 'c',
  css: 'c',
  golang: 'go',
  rs: 'rust',
  py: 'python',
  python3: 'python',
  ruby: 'python',
  rb: 'python',
  sh: 'shell',
  bash: 'shell',
  zsh: 'shell',
  fish: 'shell',
  console: 'shell',
  dockerfile: 'shell',
  makefile: 'shell',
  yaml: 'data',
  yml: 'data',
  toml: 'data',
  ini: 'data',
};

export class CodeHighlighter {
  readonly #lexis: Lexis | undefined;
  readonly #ignoresCase: boolean;
  readonly #paint: (style: Style, text: string) => string;
  #inComment = false;

  constructor(language: string, paint: (style: Style, text: string) => string) {
    const name = language.toLowerCase();
    const lexis = aliases[name] ?? name;
    this.#lexis = Object.hasOwn(lexes, lexis) ? lexes[lexis] : undefined;
    this.#ignoresCase = lexis === 'sql';
    this.#paint = paint;
  }

  line(text: string): string {
    const lexis = this.#lexis;
    if (lexis === undefined) return text;
    let done = '';
    let rest = text;
    while (rest !== '') {
      const [token, style] = this.#next(rest, lexis);
      done += style === undefined ? token : this.#paint(style, token);
      rest = rest.slice(token.length);
    }
    return done;
  }

  #next(rest: string, lexis: Lexis): readonly [string, Style?] {
    const { lineComment, blockComment, strings, keywords } = lexis;
    if (blockComment !== undefined && (this.#inComment || rest.startsWith(blockComment[0]))) {
      const end = rest.indexOf(blockComment[1], this.#inComment ? 0 : blockComment[0].length);
      this.#inComment = end === -1;
      return [end === -1 ? rest : rest.slice(0, end + blockComment[1].length), 'dim'];
    }
    const comment = lineComment?.exec(rest)?.[0];
    if (comment !== undefined) return [comment, 'dim'];
    const string = strings.exec(rest)?.[0];
    if (string !== undefined) return [string, 'green'];
    const word = /^[\p{L}_$][\p{L}\p{N}_$]*/u.exec(rest)?.[0];
    if (word !== undefined)
      return keywords.has(this.#ignoresCase ? word.toLowerCase() : word) ? [word, 'magenta'] : [word];
    const number = /^\d[\w.]*/.exec(rest)?.[0];
    if (number !== undefined) return [number, 'yellow'];
    return [/^[^\p{L}\p{N}_$"'`/#-]+/u.exec(rest)?.[0] ?? rest.charAt(0)];
  }
}
