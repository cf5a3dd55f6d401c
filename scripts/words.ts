/**
 * Finds old-fashioned words in code, comments and pages: `node scripts/words.ts [ROOT]` prints file, line, word and a
 * modern word for each, and exits with 1.
 *
 * Readers from every country must understand a sentence the first time. The check also finds phrases that contain a
 * line break.
 */
import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import process from 'node:process';

export interface Page {
  readonly file: string;
  readonly text: string;
}

/** Words to avoid, as regular expressions without flags, and the words to write instead. */
const avoided: readonly (readonly [words: string, instead: string])[] = [
  ['mend(?:s|ed|ing)?', 'fix'],
  ['whence', 'from, where ... from'],
  ['thence', 'from there'],
  ['whoever|whosoever|whomever', 'the program, client, caller or user that'],
  ['whatsoever', 'any'],
  ['thereof|whereof', 'of it, of the (name)'],
  ['wherein|therein|herein', 'in which, in it, here'],
  ['whereby', 'by which'],
  ['wherefore', 'why'],
  ['whilst', 'while'],
  ['amongst', 'among'],
  ['unto|betwixt|thrice|forthwith|nought|aught', 'to, between, three times, at once, nothing, anything'],
  ['tells? of', 'report, describe, tell about'],
  ['lets? go of|letting go of', 'release, close'],
  ['says? to whom', 'tell the user'],
  ['to be had', 'available'],
  ['anew', 'again, or a new one'],
];

// The word list and its test contain the words.
const exempt = new Set(['scripts/words.ts', 'test/repository/words.test.ts']);

/** What separates two words of a phrase: blanks, and a line break with the mark of a comment. */
const gap = String.raw`\s+(?:(?:\*|//|#)\s+)?`;

/** Returns one sentence for each avoided word, with its file and line. */
export function avoidedWords(pages: readonly Page[]): readonly string[] {
  return pages.flatMap(({ file, text }) =>
    avoided
      .flatMap(([words, instead]) =>
        [...text.matchAll(new RegExp(`\\b(?:${words.replaceAll(' ', gap)})\\b`, 'gi'))].map((match) => ({
          line: text.slice(0, match.index).split('\n').length,
          word: match[0].replace(new RegExp(gap, 'g'), ' '),
          instead,
        })),
      )
      .toSorted((a, b) => a.line - b.line)
      .map(({ line, word, instead }) => `${file}:${line}: "${word}"; write: ${instead}`),
  );
}

/** Returns every file below `root` that the check reads. */
export function checkedFiles(root: string): readonly string[] {
  return globSync(
    [
      '{src,test,scripts,docs,bench,bin}/**/*.{ts,mts,js,mjs,sh,sql,md}',
      '{README,CONTRIBUTING,SECURITY,CHANGELOG}.md',
    ],
    { cwd: root },
  )
    .filter((file) => !exempt.has(file))
    .sort();
}

if (import.meta.main) {
  const root = resolve(process.argv[2] ?? join(import.meta.dirname, '..'));
  const files = checkedFiles(root);
  const faults = avoidedWords(files.map((file) => ({ file, text: readFileSync(join(root, file), 'utf8') })));
  for (const fault of faults) console.error(fault);
  console.log(`words: ${files.length} files, ${faults.length} words to replace`);
  if (faults.length > 0 || files.length === 0) process.exitCode = 1;
}
