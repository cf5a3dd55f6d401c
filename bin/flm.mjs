#!/usr/bin/env node
/**
 * The `flm` command. Installed from npm it loads dist/. In a clone it first sets the clone up (dependencies, build) and
 * moves to the Node that package.json pins. Plain JavaScript: an old Node must get as far as the sentence below.
 */
import { existsSync, mkdirSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
// Even with every permission granted, this model refuses fsync, and flm makes what it stores survive a power failure.
if (process.permission !== undefined)
  stop(
    "flm cannot run with Node's permission model, which refuses fsync.",
    'Remove --permission from NODE_OPTIONS or from the command line, and try again.',
  );

// `FLM_SETUP=off`: the parent process has set up the clone already, or wants exactly this Node.
const isClone = existsSync(join(root, 'scripts/setup.mjs'));
if (isClone && process.env.FLM_SETUP !== 'off') await startInClone();
else await start();

async function startInClone() {
  const { isPinnedNode, setUp } = await import('../scripts/setup.mjs');
  try {
    setUp({ build: true });
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exit(2);
  }
  // npm passes Ctrl-C on to a child that the terminal has told already; the parent of the pinned Node swallows one.
  if (isPinnedNode() && !process.env.npm_lifecycle_event) {
    process.env.FLM_SETUP = 'off';
    await start();
  } else {
    const { runPinned } = await import('../scripts/run-pinned.mjs');
    runPinned([fileURLToPath(import.meta.url), ...process.argv.slice(2)]);
  }
}

async function start() {
  if (Number(process.versions.node.split('.')[0]) < 24) {
    process.stderr.write(`flm needs Node 24 or newer, and this is Node ${process.versions.node}.\n`);
    process.exit(1);
  }
  if (!nodeModule.isBuiltin('node:sqlite'))
    stop(
      'flm needs node:sqlite, which this Node does not have.',
      'Remove --no-experimental-sqlite from NODE_OPTIONS, or install Node from https://nodejs.org.',
    );
  enableCompileCache();
  try {
    await import('../dist/main.js');
  } catch (error) {
    const isMissing = error.code === 'ERR_MODULE_NOT_FOUND';
    if (!isMissing && !error.path?.startsWith(root)) throw error;
    const limit = 'Raise the limit of open files and try again: `ulimit -n 65536`.';
    stop(
      `flm cannot read its own files: ${error.message}.`,
      error.code === 'EMFILE' ? limit : 'Install flm again, as a user who may read its files.',
    );
  }
}

function stop(message, advice) {
  process.stderr.write(`Error: ${message}\n${advice}\n`);
  process.exit(1);
}

// Compiled code is code: its cache lies in the user's own folder, not in the shared temporary one that Node would take.
function enableCompileCache() {
  // The user does not want one, or Node has made it where the user wants it.
  if (process.env.NODE_DISABLE_COMPILE_CACHE || process.env.NODE_COMPILE_CACHE) return;
  try {
    // Relative paths must be ignored (XDG Base Directory Specification): the cache would lie in the working folder.
    const caches = [process.env.XDG_CACHE_HOME, join(homedir(), '.cache')].find(
      (path) => path && isAbsolute(path),
    );
    if (caches === undefined) return;
    const own = join(caches, 'flm');
    // Node itself would try for ever in a parent that accepts no folders, such as /proc.
    for (const folder of [caches, own]) if (!existsSync(folder)) mkdirSync(folder, 0o700);
    nodeModule.enableCompileCache(own);
  } catch {
    // No folder for it: starting takes a few milliseconds longer.
  }
}
