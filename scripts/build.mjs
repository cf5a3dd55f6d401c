/**
 * Bundles src/ into dist/: `node scripts/build.mjs [--clean]`.
 *
 * One entry, src/cli/main.ts; every `await import()` becomes a chunk that loads when its command runs. A worker thread
 * needs no entry here: `new Worker(new URL('./worker.ts', import.meta.url))` is found, bundled beside, and rewritten, so
 * that the same line works from the sources and from dist/.
 *
 * Dependencies are bundled too: `flm --help` starts in half the time, and an installed flm runs the very code that was tested,
 * not what a range resolves to on that day. Their licences go along in dist/LICENSES.txt.
 *
 * Files are moved into place one by one with main.js last, and chunks of earlier builds stay for a day: a proxy that is
 * running from this clone may still load one. `--clean` (for publishing) leaves nothing old.
 */
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { rolldown } from 'rolldown';
import { root, sourceFingerprints, writeBuildStamp } from './setup.mjs';

const dist = join(root, 'dist');
const fresh = join(root, `dist/.new-${process.pid}`);
const oneDayMs = 24 * 60 * 60_000;

const fingerprints = sourceFingerprints();
if (process.argv.includes('--clean')) rmSync(dist, { recursive: true, force: true });
mkdirSync(fresh, { recursive: true });
try {
  const bundle = await rolldown({
    input: { main: join(root, 'src/cli/main.ts') },
    platform: 'node',
    external: [/^node:/],
    // What Node would load is UMD, whose own require() no bundler can follow.
    resolve: { alias: { 'jsonc-parser': 'jsonc-parser/lib/esm/main.js' } },
    plugins: [workers()],
    // A warning (an import that does not resolve, a cycle that breaks) is a fault of the sources.
    onLog(level, log) {
      if (level === 'warn') throw new Error(log.message);
    },
  });
  const { output } = await bundle.write({
    dir: fresh,
    format: 'esm',
    sourcemap: true,
    comments: false,
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
  });
  await bundle.close();
  writeFileSync(join(fresh, 'LICENSES.txt'), licencesOf(output));
  moveIntoPlace();
  writeBuildStamp(fingerprints);
} finally {
  rmSync(fresh, { recursive: true, force: true });
}

/** Bundles what `new URL('./x.ts', import.meta.url)` names as an entry of its own. */
function workers() {
  return {
    name: 'workers',
    transform(code, id) {
      if (!id.endsWith('.ts') || !code.includes('import.meta.url')) return null;
      const replaced = code.replace(
        /new URL\(\s*'(\.{1,2}\/[^']+\.ts)'\s*,\s*import\.meta\.url\s*\)/g,
        (_, target) => {
          const file = resolve(dirname(id), target);
          const name = relative(join(root, 'src'), file).replace(/\.ts$/, '').replaceAll(/[\\/]/g, '-');
          this.emitFile({ type: 'chunk', id: file, fileName: `${name}.js` });
          return `new URL('./${name}.js', import.meta.url)`;
        },
      );
      return replaced === code ? null : { code: replaced, map: null };
    },
  };
}

/** The packages whose code is in the bundle, each with its notice. */
function licencesOf(output) {
  const folders = new Set();
  for (const chunk of output) {
    for (const id of chunk.type === 'chunk' ? chunk.moduleIds : []) {
      const folder = /^.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+/.exec(id)?.[0];
      if (folder) folders.add(folder);
    }
  }
  const notices = [...folders].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file ? readFileSync(join(folder, file), 'utf8').trim() : '';
    return `${name} ${version} (${license})\n\n${text}\n`;
  });
  return `flm contains code of these packages.\n\n${notices.join(`\n${'-'.repeat(80)}\n\n`)}`;
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
