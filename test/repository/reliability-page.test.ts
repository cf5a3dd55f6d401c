/** `docs/reliability.md` names a test in every row of its faults, and each quoted test is in the file that is named. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/reliability.md'), 'utf8');
const rows = page.split('\n').filter((line) => line.startsWith('| ') && !/^\| (?:---|fault \|)/.test(line));
const file = '`((?:src|test)/[^`]+\\.test\\.ts)`';

test('every fault names a test and what it shows', () => {
  assert.ok(rows.length > 30, `${rows.length} faults`);
  for (const row of rows) {
    const cells = row.split('|').map((cell) => cell.trim());
    assert.equal(cells.length, 6, row);
    const [, fault = '', promise = '', tests = ''] = cells;
    assert.ok(fault !== '' && promise !== '', row);
    assert.match(tests, new RegExp(`^${file}: "[^"]+"`), row);
  }
});

test('every test that reliability.md quotes is in the file that it names', () => {
  const named = [...page.matchAll(new RegExp(`${file}(?:: ("[^"]+"(?:, "[^"]+")*))?`, 'g'))];
  assert.ok(named.length > 30, `${named.length} files`);
  for (const [, path = '', quoted = ''] of named) {
    assert.ok(existsSync(join(root, path)), `${path} does not exist`);
    const text = readFileSync(join(root, path), 'utf8');
    for (const [, title = ''] of quoted.matchAll(/"([^"]+)"/g))
      assert.ok(text.includes(title), `${path} has no test "${title}"`);
  }
});
