import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { avoidedWords, checkedFiles } from '../../scripts/words.ts';

const root = join(import.meta.dirname, '../..');

test('old-fashioned words are named with file, line and what to write instead, across line breaks too', () => {
  const pages = [
    {
      file: 'docs/a.md',
      text: 'Mend the file.\nRecommended, amended: no fault.\nIt tells\nof whence it came.',
    },
    {
      file: 'src/b.ts',
      text: '/**\n * The old one lets go\n * of the port.\n */\n// It says to\n// whom.\n',
    },
    { file: 'src/c.ts', text: '// Tell the caller about it.\n' },
  ];
  assert.deepEqual(avoidedWords(pages), [
    'docs/a.md:1: "Mend"; write: fix',
    'docs/a.md:3: "tells of"; write: report, describe, tell about',
    'docs/a.md:4: "whence"; write: from, where ... from',
    'src/b.ts:2: "lets go of"; write: release, close',
    'src/b.ts:5: "says to whom"; write: tell the user',
  ]);
});

test('the check reads sources, tests, scripts, benchmarks and pages', () => {
  const files = checkedFiles(root);
  for (const file of [
    'src/core/errors.ts',
    'test/repository/layers.test.ts',
    'scripts/layers.ts',
    'bench/main.ts',
  ])
    assert.ok(files.includes(file), file);
  for (const file of ['docs/guide.md', 'docs/adr/0001-process-per-proxy.md', 'README.md', 'CONTRIBUTING.md'])
    assert.ok(files.includes(file), file);
});
