/**
 * `node scripts/run.mjs scripts/man.ts`: writes the manual pages to man/ for the npm package. They are made from the code
 * before a package is made, and are not in the repository. SOURCE_DATE_EPOCH gives their date.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import packageJson from '../package.json' with { type: 'json' };
import { manPages } from './docs/man-pages.ts';
import { root } from './setup.mjs';

const folder = join(root, 'man');
const epochSeconds = Number(process.env.SOURCE_DATE_EPOCH ?? Date.now() / 1000);
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder);
for (const [name, text] of manPages({ root, version: packageJson.version, epochSeconds }))
  writeFileSync(join(folder, name), text);
