/** CONTRIBUTING.md leads to files and folders that exist. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8');

test('every path that CONTRIBUTING.md names exists', () => {
  const inCode = [...page.matchAll(/`((?:src|test|scripts|docs|bench|bin)\/[^`\s]*)`/g)];
  const links = [...page.matchAll(/\]\((?!https?:|#)([^)#]+)/g)];
  const paths = [...inCode, ...links].map(([, path = '']) => path);
  assert.ok(paths.length > 30, `${paths.length} paths`);
  for (const path of paths) assert.ok(existsSync(join(root, path)), `${path} does not exist`);
});

test('the map of CONTRIBUTING.md has a row for each folder of src', () => {
  for (const { name } of readdirSync(join(root, 'src'), { withFileTypes: true }).filter((e) =>
    e.isDirectory(),
  ))
    assert.match(page, new RegExp(`^\\| \`src/${name}/\` \\|`, 'm'), name);
});
