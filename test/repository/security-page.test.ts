/** `docs/security.md` names tests that exist: files in every row of its threats, and titles where it quotes one. */
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/security.md'), 'utf8');

test('every threat names a test file', () => {
  const table = page.slice(page.indexOf('| threat | answer | test |')).split('\n\n')[0] ?? '';
  const rows = table.split('\n').slice(2);
  assert.ok(rows.length > 15, `${rows.length} threats`);
  for (const row of rows) assert.match(row, /`(?:src|test)\/[^`]+\.test\.ts`[^|]*\|$/, row);
});

test('every file that security.md names exists', () => {
  const files = [...page.matchAll(/`((?:src|test|scripts)\/[^`]+)`/g)].map(([, file = '']) => file);
  assert.ok(files.length > 20, `${files.length} files`);
  for (const file of files) assert.ok(existsSync(join(root, file)), `${file} does not exist`);
});

test('every test that security.md quotes exists', () => {
  const code = globSync('{src,test}/**/*.test.ts', { cwd: root }).map((file) =>
    readFileSync(join(root, file), 'utf8'),
  );
  const quoted = [...page.matchAll(/\bTests?:\s+("[^"]+"(?:,\s+"[^"]+")*)/g)].flatMap(([, list = '']) =>
    [...list.matchAll(/"([^"]+)"/g)].map(([, title = '']) => title.replace(/\s+/g, ' ')),
  );
  assert.ok(quoted.length > 5, `${quoted.length} titles`);
  for (const title of quoted)
    assert.ok(
      code.some((text) => text.includes(title)),
      `no test has the title "${title}"`,
    );
});
