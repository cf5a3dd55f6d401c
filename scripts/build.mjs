/**
 * Bundles src/ into dist/: `node scripts/build.mjs [--clean]`.
 *
 * A worker thread needs no entry of its own: the bundler finds `new URL('./worker.ts', import.meta.url)` and puts a string
 * with the code of the thread in its place, for `new Worker(code, { eval: true })`. The licences of the bundled packages
 * are in dist/LICENSES.txt.
 *
 * Files are moved into place one by one with main.js last, and chunks of earlier builds stay for a day: a proxy that is
 * running from this clone may still load one. `--clean` (for publishing) removes all old files.
 */
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundleChunks, bundledPackages, licencesText } from './bundle.mjs';
import { root, sourceFingerprints, writeBuildStamp } from './setup.mjs';

const dist = join(root, 'dist');
const fresh = join(root, `dist/.new-${process.pid}`);
const oneDayMs = 24 * 60 * 60_000;

const fingerprints = sourceFingerprints();
if (process.argv.includes('--clean')) rmSync(dist, { recursive: true, force: true });
mkdirSync(fresh, { recursive: true });
try {
  const output = await bundleChunks(fresh);
  writeFileSync(join(fresh, 'LICENSES.txt'), licencesText(bundledPackages(output)));
  moveIntoPlace();
  writeBuildStamp(fingerprints);
} finally {
  rmSync(fresh, { recursive: true, force: true });
}

function moveIntoPlace() {
  const names = readdirSync(fresh).sort((a, b) => Number(a === 'main.js') - Number(b === 'main.js'));
  for (const name of names) renameSync(join(fresh, name), join(dist, name));
  const now = Date.now();
  for (const name of readdirSync(dist)) {
    const path = join(dist, name);
    if (names.includes(name)) utimesSync(path, now / 1000, now / 1000);
    else if (!name.startsWith('.') && now - statSync(path).mtimeMs > oneDayMs) rmSync(path, { force: true });
  }
}
