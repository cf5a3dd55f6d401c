/**
 * Each Japanese page follows its English page: it has the same sections, and each section has the same commands, tables,
 * lists, links and inline code. A change of one page without the other fails here.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '../..');

const translations: ReadonlyMap<string, string> = new Map([
  ['README.md', 'README.ja.md'],
  ['docs/guide.md', 'docs/ja/guide.md'],
  ['docs/tls.md', 'docs/ja/tls.md'],
]);

interface Section {
  readonly level: number;
  readonly heading: string;
  readonly lines: readonly string[];
}

function sectionsOf(page: string): readonly Section[] {
  const sections: { level: number; heading: string; lines: string[] }[] = [];
  let isCode = false;
  for (const line of readFileSync(join(root, page), 'utf8').split('\n')) {
    if (line.startsWith('```')) isCode = !isCode;
    const [, marks = '', heading = ''] = isCode ? [] : (/^(#+) (.*)$/.exec(line) ?? []);
    if (marks !== '') sections.push({ level: marks.length, heading, lines: [] });
    else sections.at(-1)?.lines.push(line);
  }
  return sections;
}

/** Blocks of commands, and the prompts of blocks that show output too. */
function commandsOf({ lines }: Section): readonly string[] {
  const text = lines.join('\n');
  const blocks = [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)];
  return blocks.flatMap(([, language, block = '']) => {
    if (language === 'sh') return block.trim().split('\n');
    return block.split('\n').filter((line) => line.startsWith('$ '));
  });
}

function proseOf({ lines }: Section): string {
  return lines.join('\n').replaceAll(/^```.*?^```$/gms, '');
}

/** In the order of the text, which differs between languages, so sorted. */
function codeOf(section: Section): readonly string[] {
  const prose = proseOf(section).replaceAll(/\s+/g, ' ');
  return [...new Set([...prose.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code))].toSorted();
}

/** Files by their path from the root, where a translation stands for its page. Anchors are those of each language. */
function linksOf(page: string, section: Section): readonly string[] {
  const pages = new Map([...translations].map(([english, japanese]) => [japanese, english]));
  const targets = [...proseOf(section).matchAll(/\]\(([^)#]*)(#[^)]*)?\)/g)].map(([, path = '']) => {
    const file = path === '' ? page : posix.normalize(join(dirname(page), path));
    return pages.get(file) ?? file;
  });
  // Only Japanese readers need the glossary of the translation, and each page has a link to the other.
  return targets.filter((file) => file !== 'docs/ja/glossary.md' && section.level > 1).toSorted();
}

const cellsOf = ({ lines }: Section): readonly number[] =>
  lines.filter((line) => line.startsWith('|')).map((line) => line.split(' | ').length);

const itemsOf = ({ lines }: Section): readonly string[] =>
  lines.flatMap((line) => /^(?:- |\d+\. )/.exec(line)?.[0] ?? []);

for (const [english, japanese] of translations) {
  test(`${japanese} has the sections of ${english}, with the same commands, tables, lists, links and code`, () => {
    const [source, translated] = [sectionsOf(english), sectionsOf(japanese)];
    assert.deepEqual(
      translated.map(({ level }) => level),
      source.map(({ level }) => level),
    );
    for (const [at, section] of source.entries()) {
      const other = translated[at] as Section;
      const place = `${section.heading} / ${other.heading}`;
      assert.deepEqual(commandsOf(other), commandsOf(section), place);
      assert.deepEqual(cellsOf(other), cellsOf(section), place);
      assert.deepEqual(itemsOf(other), itemsOf(section), place);
      assert.deepEqual(codeOf(other), codeOf(section), place);
      assert.deepEqual(linksOf(japanese, other), linksOf(english, section), place);
    }
  });

  test(`${japanese} and ${english} link to each other, and Japanese prose follows the glossary's spacing`, () => {
    const link = (from: string, to: string): string => `](${posix.relative(dirname(from), to)})`;
    const [first, translated] = [sectionsOf(english)[0], sectionsOf(japanese)];
    assert.ok(first?.lines.join('\n').includes(link(english, japanese)), english);
    assert.ok(translated[0]?.lines.join('\n').includes(link(japanese, english)), japanese);
    for (const section of translated)
      for (const line of proseOf(section).split('\n')) {
        assert.doesNotMatch(
          line,
          /[\u3040-\u30ff\u4e00-\u9fff] [A-Za-z0-9`]|[A-Za-z0-9`] [\u3040-\u30ff\u4e00-\u9fff]/,
        );
        assert.doesNotMatch(line, /[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]/);
      }
  });
}
