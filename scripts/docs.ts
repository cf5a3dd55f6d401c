/**
 * `npm run docs`: writes the pages that are generated from the code. A test fails if a page differs from the code.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { generatedPages } from './docs/pages.ts';
import { root } from './setup.mjs';

for (const [path, text] of generatedPages(root)) {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  console.log(path);
}
