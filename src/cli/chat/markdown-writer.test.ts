import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { textWidth } from '../terminal/layout.ts';
import { MarkdownWriter } from './markdown-writer.ts';

/** What a terminal of `columns` shows; `size` characters arrive at a time. */
function rendered(markdown: string, { columns = 80, size = 3, links = false } = {}): string {
  let out = '';
  const writer = new MarkdownWriter({
    write: (text) => {
      out += text;
    },
    // Real escape sequences, because they have no width.
    paint: (style, text) => `\x1b[${styles.indexOf(style)}m${text}\x1b[99m`,
    link: (text, url) => (links ? `\x1b]8;;${url}\x1b\\${text}\x1b]8;;\x1b\\` : text),
    tableColumns: columns,
  });
  for (let at = 0; at < markdown.length; at += size) writer.write(markdown.slice(at, at + size));
  writer.end();
  return tagged(applied(out));
}

const styles: readonly string[] = [
  'bold',
  'dim',
  'italic',
  'underline',
  'strikethrough',
  'green',
  'yellow',
  'magenta',
  'cyan',
];

/** Escape sequences as tags; pieces of the same style are one. */
function tagged(text: string): string {
  let done = text
    .replaceAll('\x1b[99m', '</>')
    .replaceAll(/\x1b\[(\d+)m/g, (_, i: string) => `<${styles[Number(i)]}>`)
    .replaceAll('\x1b]8;;\x1b\\', '</a>')
    .replaceAll(/\x1b\]8;;(.*?)\x1b\\/g, '<$1>');
  for (let before = ''; before !== done; ) {
    before = done;
    done = done.replaceAll(/<(\w+)>([^<]*)<\/><\1>/g, '<$1>$2');
  }
  return done;
}

/** Carries out the one movement of the cursor that the writer uses: back within a line. */
function applied(text: string): string {
  let done = text;
  for (;;) {
    const back = /\x1b\[(\d+)D\x1b\[K/.exec(done);
    if (back === null) return done;
    let kept = done.slice(0, back.index);
    const width = textWidth(kept.split('\n').at(-1) ?? '') - Number(back[1]);
    while (textWidth(kept.split('\n').at(-1) ?? '') > width) kept = kept.slice(0, -1);
    done = kept + done.slice(back.index + back[0].length);
  }
}
const plain = (text: string): string => stripVTControlCharacters(text.replaceAll(/<[^<>\n]*>/g, ''));

test('emphasis, code and links get styles, in whatever pieces they arrive', () => {
  const markdown = 'A **bold** and *soft* `x * y` ~~old~~ [docs](https://example.org/a) end.';
  for (const size of [1, 2, 3, 7, 100])
    assert.equal(
      rendered(markdown, { size }),
      'A <bold>bold</> and <italic>soft</> <cyan>x</> <cyan>*</> <cyan>y</> <strikethrough>old</> <underline>docs</> (https://example.org/a) end.\n',
      `${size}`,
    );
  assert.match(
    rendered(markdown, { links: true }),
    /<https:\/\/example\.org\/a><underline>docs<\/><\/a> end/,
  );
});

test('text that only looks like markup stays as it is', () => {
  for (const text of [
    'snake_case_name and a__b__c',
    '2 * 3 * 4',
    'a [list] of (things) [x](javascript:alert)',
    'C:\\dir\\new and \\u001b',
    '#include <stdio.h>',
    'five ~ six',
    '**',
    '-',
    '1.',
  ])
    assert.equal(rendered(text, { size: 1 }), `${text}\n`, text);
  assert.equal(rendered('\\*not soft\\*'), '*not soft*\n');
});

test('headings, lists, quotes and rules are laid out, and long lines wrap below their text', () => {
  assert.equal(
    rendered('## Title\n\n- one two three four\n  1. five\n> said so\n***\n', { columns: 16 }),
    [
      '<bold>Title</>',
      '',
      '• one two three',
      '  four',
      '  1. five',
      '<dim>│ </>said so',
      `<dim>${'─'.repeat(15)}</>`,
      '',
    ].join('\n'),
  );
});

test('no line is wider than the terminal, and no character is lost, in English and Japanese', () => {
  const markdown =
    'The quick brown fox **jumps over** the lazy dog, again and again.\n' +
    'これは長い日本語の文章です。端末の幅に合わせて折り返します。**太字**も使えます。\n';
  for (const columns of [20, 40, 60])
    for (const size of [1, 4, 1000]) {
      const shown = plain(rendered(markdown, { columns, size }));
      for (const line of shown.split('\n')) {
        assert.ok(textWidth(line) < columns, `${columns}: ${line}`);
        assert.doesNotMatch(line, /^[、。]/);
      }
      assert.equal(shown.replaceAll(/\s/g, ''), markdown.replaceAll(/[\s*]/g, ''));
    }
});

test('code keeps its text and gets colours by its language, also over lines', () => {
  const shown = rendered('```ts\nconst a = "x"; // note\n/* one\ntwo */ 42\n```\nAfter `b`\n');
  assert.equal(
    shown,
    [
      '<dim>```ts</>',
      '<magenta>const</> a = <green>"x"</>; <dim>// note</>',
      '<dim>/* one</>',
      '<dim>two */</> <yellow>42</>',
      '<dim>```</>',
      'After <cyan>b</>',
      '',
    ].join('\n'),
  );
  assert.equal(rendered('```\n**x** | y\n'), '<dim>```</>\n**x** | y\n');
  for (const language of ['py', 'go', 'rust', 'c++', 'sh', 'sql', 'yaml', 'none', 'constructor']) {
    const code = `if (x != "a'b") { return 1.5 } # y // z -- w\n\`t\` é 漢字 $v`;
    assert.equal(
      plain(rendered(`\`\`\`${language}\n${code}\n\`\`\`\n`))
        .split('\n')
        .slice(1, 3)
        .join('\n'),
      code,
    );
  }
});

test('a table is aligned by display width; rows without a heading stay as they are', () => {
  assert.equal(
    rendered('| a | 名前 |\n|---|:--|\n| x \\| y | **z** |\nafter\n'),
    ['<bold>a      名前</>', `<dim>${'─'.repeat(11)}</>`, 'x | y  <bold>z</>', 'after', ''].join('\n'),
  );
  assert.equal(rendered('| only | bars |\n'), '| only | bars |\n');
});

test('a line of many markers or spaces takes no long time', () => {
  const hostile = [
    ' '.repeat(20_000),
    '- '.repeat(10_000),
    '['.repeat(20_000),
    '*'.repeat(20_000),
    '_a'.repeat(9_000),
  ];
  for (const text of hostile) assert.notEqual(rendered(`${text}x`, { size: 5_000 }), '');
});
