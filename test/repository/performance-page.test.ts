import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { reportFiles } from '../../bench/report/page.ts';

const root = join(import.meta.dirname, '../..');

test('docs/performance.md and its charts show the committed results (npm run bench -- --report)', () => {
  for (const [path, text] of reportFiles()) assert.equal(readFileSync(join(root, path), 'utf8'), text, path);
});

test('every picture of docs/performance.md exists', () => {
  const page = readFileSync(join(root, 'docs/performance.md'), 'utf8');
  for (const [, path = ''] of page.matchAll(/(?:src|srcset)="([^"]+)"/g))
    assert.ok(existsSync(join(root, 'docs', path)), path);
});
