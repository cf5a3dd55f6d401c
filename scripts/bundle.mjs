/**
 * The bundler's settings, shared by dist/ (scripts/build.mjs) and single executables (scripts/release/executable.ts).
 *
 * One entry, src/cli/main.ts. Dependencies are bundled too: `flm --help` starts in half the time, and an installed flm
 * runs the tested code, not the versions that a range resolves to on that day.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';
import { rolldown } from 'rolldown';
import { root } from './setup.mjs';

/**
 * Bundles into chunks: every `await import()` loads when its command runs. The code of worker threads is inside: a
 * running proxy can restart its thread without reading files that an upgrade may have replaced. Returns the bundler's
 * output.
 */
export async function bundleChunks(folder) {
  return bundle(
    // No code imports from main.js, so the chunks may move its exports.
    { plugins: [workersInside(), adminWorkerInside(), pagesInside()], preserveEntrySignatures: false },
    { dir: folder, sourcemap: true, codeSplitting: { groups: [startChunks()] }, ...chunkNames },
  );
}

/**
 * Joins the modules that a start loads into a few chunks, because Node takes half a millisecond for each file. Modules that the
 * same starts load are in one chunk, so no start loads code of another. All other modules are split as the bundler does it.
 */
function startChunks() {
  let starts;
  const entries = new Set(startFiles.map(([, file]) => join(root, file)));
  return {
    debugName: 'starts',
    includeDependenciesRecursively: false,
    name(id, context) {
      starts ??= startFiles.map(([name, file]) => [name, loadedWith(join(root, file), context)]);
      const names = starts.filter(([, modules]) => modules.has(id)).map(([name]) => name);
      const stays = names.length === 0 || names.includes('main') || entries.has(id);
      if (stays) return null;
      return names.includes('early') ? 'early' : names.join('-');
    },
  };
}

/**
 * What every process loads, what `flm proxy start` loads before the command (one small chunk), what a proxy loads, a command, and a
 * command with a store. These files stay out of the chunks: the last line of a command waits for the command itself, and a chunk
 * that it imports later would wait for that line.
 */
const startFiles = [
  ['main', 'src/cli/main.ts'],
  ['early', 'src/app/early-launch.ts'],
  ['proxy', 'src/app/launched.ts'],
  ['commands', 'src/cli/command-line.ts'],
  ['flm', 'src/app/flm.ts'],
];

/** Returns the ids of all modules that a module imports, except by `await import()`. */
function loadedWith(entry, context) {
  const found = new Set([entry]);
  for (const id of found)
    for (const imported of context.getModuleInfo(id)?.importedIds ?? []) found.add(imported);
  return found;
}

/**
 * Bundles everything into main.js, worker threads included, for an executable that reads no other file. `changes`
 * replaces fields of a JSON file of the repository: `{ 'package.json': { version: '9.9.9' } }`.
 */
export async function bundleOneFile(folder, changes = {}) {
  return bundle(
    { plugins: [workersInside(), adminWorkerInside(changes), pagesInside(), changedJson(changes)] },
    { dir: folder, codeSplitting: false, ...chunkNames },
  );
}

const chunkNames = { entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' };

/** Node would load the UMD build of this package, whose own require() no bundler can follow. */
const resolution = { alias: { 'jsonc-parser': 'jsonc-parser/lib/esm/main.js' } };

async function bundle(input, output) {
  const built = await rolldown({
    input: { main: join(root, 'src/cli/main.ts') },
    platform: 'node',
    external: [/^node:/],
    resolve: resolution,
    // The thread's code is built inside a plugin, which takes most of the time. A module of a start may be imported lazily by
    // commands that have no store.
    checks: { pluginTimings: false, ineffectiveDynamicImport: false },
    // A warning (an import that does not resolve, a broken cycle) is an error in the sources.
    onLog(level, log) {
      if (level === 'warn') throw new Error(log.message);
    },
    ...input,
    plugins: [...input.plugins, quickToLoad(), smallInMemory()],
  });
  const written = await built.write({ format: 'esm', comments: false, ...output });
  await built.close();
  return written.output;
}

const workerUrl = /new URL\(\s*'(\.{1,2}\/[^']+\.ts)'\s*,\s*import\.meta\.url\s*\)/g;

/** Turns `new URL('./x.ts', import.meta.url)` into a string with the code of the worker, a script for `eval`. */
function workersInside() {
  return {
    name: 'workers-inside',
    async transform(code, id) {
      if (!id.endsWith('.ts') || !code.includes('import.meta.url')) return null;
      let replaced = code;
      for (const [expression, target] of code.matchAll(workerUrl)) {
        const text = await workerText(resolve(dirname(id), target));
        replaced = replaced.replace(expression, () => JSON.stringify(text));
      }
      return replaced === code ? null : { code: replaced, map: null };
    },
  };
}

async function workerText(file) {
  const built = await rolldown({
    input: file,
    platform: 'node',
    external: [/^node:/],
    plugins: [smallInMemory()],
    // A module counts only if something of it is used, so the thread does not load schemas that only the proxy checks.
    treeshake: { moduleSideEffects: false },
  });
  const { output } = await built.generate({
    format: 'esm',
    comments: false,
    codeSplitting: false,
    // Without new names: the log has the stack of an error.
    minify: { compress: true, mangle: false, codegen: true },
  });
  await built.close();
  return `'use strict';{${output[0].code.replace(/export *\{ *\};?\s*$/, '')}}`;
}

/**
 * Makes the program smaller in memory, and faster to start.
 *
 * `import` of a module of Node reads all its properties. Those of `node:http` load a whole HTTP client (undici, 8 MB), and
 * those of `node:tls` parse all root certificates. `getBuiltinModule` reads only the properties that are used.
 *
 * `slowModules` are loaded when one of their functions is called or an object is made.
 */
function smallInMemory() {
  return {
    name: 'small-in-memory',
    renderChunk: (code) => ({ code: code.replace(nodeImport, withoutImport), map: null }),
    generateBundle(_options, files) {
      for (const file of Object.values(files)) if (file.type === 'chunk') file.code = asciiText(file.code);
    },
  };
}

/**
 * Changes packages that work much when they are loaded or called for the first time.
 *
 * `string-width` makes a segmenter and regular expressions of Unicode properties, which takes 20 ms. Most commands measure only
 * ASCII, so the first call makes them. `zod` compiles a function for each schema, which pays after thousands of calls: a start
 * makes a few, and requests need no schema. `prom-client` loads `node:https` to push metrics, which flm does not do.
 */
function quickToLoad() {
  const changes = [
    [
      /[\\/]string-width[\\/]index\.js$/,
      /^((?:import .*\n)+)([\s\S]*\n)export default (function stringWidth[\s\S]*)$/,
      '$1let made;\nexport default (...args) => (made ??= make())(...args);\nfunction make() {$2return $3}\n',
    ],
    [
      /[\\/]zod[\\/]v4[\\/]core[\\/]core\.js$/,
      '__zod_globalConfig = {}',
      '__zod_globalConfig = { jitless: true }',
    ],
    [/[\\/]prom-client[\\/]lib[\\/]pushgateway\.js$/, /^[\s\S]+$/, 'module.exports = undefined;'],
  ];
  return {
    name: 'quick-to-load',
    transform(code, id) {
      const change = changes.find(([file]) => file.test(id));
      if (change === undefined) return null;
      const changed = code.replace(change[1], change[2]);
      if (changed === code) throw new Error(`${id} has another form than scripts/bundle.mjs expects`);
      return { code: changed, map: null };
    },
  };
}

const nodeImport = /^import (?:([\w$]+)(?:, )?)?(?:\* as ([\w$]+)|\{ (.*) \})? ?from "(node:[\w/]+)";$/gm;

/**
 * Modules of Node that take long to load. `node:tls` also starts a thread that parses all root certificates. Most commands,
 * a proxy without TLS and the store thread need few of them.
 */
const slowModules = ['node:crypto', 'node:https', 'node:tls', 'node:zlib'];

function withoutImport(_line, whole, namespace, names, module, _offset, code) {
  const read = `globalThis.process.getBuiltinModule("${module}")`;
  const all = [whole, namespace].filter((name) => name !== undefined).map((name) => `${name} = ${read}`);
  if (names === undefined) return `const ${all.join(', ')};`;
  const pairs = names.split(', ').map((name) => name.split(' as '));
  const isOnlyCalled = ([name, local = name]) =>
    typeof process.getBuiltinModule(module)[name] === 'function' &&
    !['instanceof', 'extends'].some((word) => code.includes(`${word} ${local}`));
  const isLazy = all.length === 0 && slowModules.includes(module) && pairs.every(isOnlyCalled);
  if (isLazy) return loadedLater(pairs, module, read);
  return `const ${[...all, `{ ${pairs.map((pair) => pair.join(': ')).join(', ')} } = ${read}`].join(', ')};`;
}

/**
 * Returns code that declares a function for each name. The first call of any of them loads the module. In place of a class, the
 * function makes an object of the class: `new` gives what a function returns, if that is an object.
 */
function loadedLater(pairs, module, read) {
  const loaded = module.replace(/\W/g, '$');
  const made = pairs.map(([name, local = name]) => {
    const property = `(${loaded} ??= ${read}).${name}`;
    return /^[A-Z]/.test(name)
      ? `${local} = function (...args) { return new ${property}(...args); }`
      : `${local} = (...args) => ${property}(...args)`;
  });
  return `let ${loaded}; const ${made.join(', ')};`;
}

/** One character above U+00FF makes V8 keep the whole file with two bytes for each character. */
function asciiText(code) {
  return code.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** The first code of the admin thread: inflates the rest, which arrives with the start of the thread. */
const inflateWorker = `
import { workerData } from 'node:worker_threads';
import { brotliDecompressSync } from 'node:zlib';
const code = brotliDecompressSync(workerData.compressed);
await import('data:text/javascript;base64,' + code.toString('base64'));
`;

/** Puts the code of the admin thread, compressed, into src/app/admin/worker-code.ts. */
function adminWorkerInside(changes = {}) {
  return {
    name: 'admin-worker-inside',
    async load(id) {
      if (relative(root, id).replaceAll('\\', '/') !== 'src/app/admin/worker-code.ts') return null;
      const built = await rolldown({
        input: join(root, 'src/app/admin/worker.ts'),
        platform: 'node',
        external: [/^node:/],
        plugins: [workersInside(), changedJson(changes), smallInMemory()],
        resolve: resolution,
      });
      const { output } = await built.generate({
        format: 'esm',
        comments: false,
        codeSplitting: false,
        minify: true,
      });
      await built.close();
      const url = `data:text/javascript;base64,${Buffer.from(inflateWorker).toString('base64')}`;
      const text = withoutUrl(output[0].code);
      const code = `export const adminWorkerCode = () => ({
        url: new URL('${url}'),
        compressed: Buffer.from('${compressed(text)}', 'base64'),
      });`;
      return { code, map: null };
    },
  };
}

/**
 * CommonJS packages load modules of Node by `createRequire(import.meta.url)`, which refuses a `data:` URL. Any file will
 * do for that.
 */
function withoutUrl(code) {
  return code.replaceAll('import.meta.url', 'process.execPath');
}

/** Puts the files of the dashboard (src/web/) into src/ui/web-files.ts. */
function pagesInside() {
  return {
    name: 'pages-inside',
    async load(id) {
      if (relative(root, id).replaceAll('\\', '/') !== 'src/ui/web-files.ts') return null;
      const files = [
        ['index.html', 'text/html; charset=utf-8', readFileSync(join(root, 'src/web/index.html'), 'utf8')],
        ['page.js', 'text/javascript; charset=utf-8', await pageScript('src/web/main.tsx')],
        ['page.css', 'text/css; charset=utf-8', pageStyle()],
        ...(await guestFiles()),
        ...Object.entries(await rootPages()).map(([language, text]) => [
          `root.${language}`,
          'text/html; charset=utf-8',
          text,
        ]),
      ];
      const entries = files.map(
        ([name, type, text]) =>
          `[${JSON.stringify(name)}, new StaticFile(${JSON.stringify(type)}, Buffer.from('${compressed(text)}', 'base64'))]`,
      );
      const code = `import { StaticFile } from './static-file.ts';\nexport const webFiles = () => new Map([${entries.join(', ')}]);`;
      return { code, map: null };
    },
  };
}

/** The page at `/` by language, which is text made by code. */
async function rootPages() {
  const built = await rolldown({ input: join(root, 'src/web/root-page.ts'), platform: 'neutral' });
  const { output } = await built.generate({ format: 'esm' });
  await built.close();
  const code = Buffer.from(output[0].code).toString('base64');
  return (await import(`data:text/javascript;base64,${code}`)).rootPages;
}

function compressed(text) {
  const best = { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } };
  return brotliCompressSync(text, best).toString('base64');
}

/** The pages that a key's holder opens on a phone. They do not load the dashboard. */
async function guestFiles() {
  const names = ['tokens', 'base', 'controls', 'states', 'tables', 'charts', 'settings', 'guest/guest'];
  const style = [
    'node_modules/uplot/dist/uPlot.min.css',
    ...names.map((name) => `src/web/styles/${name}.css`),
  ];
  const files = [['guest.css', 'text/css; charset=utf-8', joined(style)]];
  for (const name of ['share', 'me']) {
    const html = readFileSync(join(root, `src/web/guest/${name}.html`), 'utf8');
    files.push([name, 'text/html; charset=utf-8', html]);
    files.push([
      `${name}.js`,
      'text/javascript; charset=utf-8',
      await pageScript(`src/web/guest/${name}-page.tsx`),
    ]);
  }
  return files;
}

function joined(files) {
  return files.map((file) => readFileSync(join(root, file), 'utf8')).join('\n');
}

/** Joins the stylesheets: the chart's, tokens and elements, shared classes, then one file for each page. */
function pageStyle() {
  const below = (folder) =>
    readdirSync(join(root, folder))
      .filter((name) => name.endsWith('.css'))
      .sort()
      .map((name) => `${folder}/${name}`);
  const first = ['tokens', 'base', 'layout'].map((name) => `src/web/styles/${name}.css`);
  const shared = below('src/web/styles').filter((file) => !first.includes(file));
  const files = [
    'node_modules/uplot/dist/uPlot.min.css',
    ...first,
    ...shared,
    ...below('src/web/styles/pages'),
  ];
  return joined(files);
}

/** The modules that builds included in the pages. Their packages also need a notice. */
const pageModules = [];

async function pageScript(entry) {
  const built = await rolldown({
    input: join(root, entry),
    platform: 'browser',
  });
  const { output } = await built.generate({
    format: 'esm',
    comments: false,
    codeSplitting: false,
    minify: true,
  });
  await built.close();
  pageModules.push(...output[0].moduleIds);
  return output[0].code;
}

function changedJson(changes) {
  return {
    name: 'changed-json',
    transform(_code, id) {
      const change = changes[relative(root, id)];
      if (change === undefined) return null;
      return { code: JSON.stringify({ ...JSON.parse(readFileSync(id, 'utf8')), ...change }), map: null };
    },
  };
}

/** Returns the packages whose code is in the bundle, sorted, each with its notice. */
export function bundledPackages(output) {
  const folders = new Set();
  const chunks = output.flatMap((chunk) => (chunk.type === 'chunk' ? chunk.moduleIds : []));
  for (const id of [...chunks, ...pageModules]) {
    const folder = /^.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+/.exec(id)?.[0];
    if (folder) folders.add(folder);
  }
  return [...folders].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file ? readFileSync(join(folder, file), 'utf8').trim() : '';
    return { name, version, license, text };
  });
}

/** Returns one text with the notice of each package. */
export function licencesText(packages) {
  const notices = packages.map(
    ({ name, version, license, text }) => `${name} ${version} (${license})\n\n${text}\n`,
  );
  return `flm contains code of these packages.\n\n${notices.join(`\n${'-'.repeat(80)}\n\n`)}`;
}
