import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import packageJson from '../../package.json' with { type: 'json' };
import { generatedPages } from '../../scripts/docs/pages.ts';

const root = join(import.meta.dirname, '../..');

for (const [path, text] of generatedPages(root)) {
  test(`${path} says what the code says (npm run docs)`, () => {
    assert.equal(readFileSync(join(root, path), 'utf8'), text);
  });
}

test('the schema that exported profiles name goes along in the package', () => {
  assert.ok(packageJson.files.includes('docs/schema'));
});
