/**
 * Prepares a clone to run with only git, npm and the system's Node (20 or newer, hence plain JavaScript).
 *
 * Owns: the dependencies (`npm ci` when node_modules does not match the lockfile), the built program in dist/ (when the
 * sources changed), and the lock that prevents two set-ups at the same time. If everything is current, this takes a few
 * milliseconds and prints nothing. Each step that must be done prints one line on stderr. Throws an Error whose message
 * is for the user.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  linkSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { setupTexts as texts } from './setup-texts.mjs';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * The Node that package.json pins. Uses the path inside the package, because `npm install` removes and recreates the
 * link in .bin.
 */
export const pinnedNode = join(
  root,
  'node_modules/node/bin',
  process.platform === 'win32' ? 'node.exe' : 'node',
);

const lockFile = join(root, '.setup-lock');
const installStamp = join(root, 'node_modules/.flm-install');
const buildStamp = join(root, 'dist/.build');

export function isPinnedNode() {
  return existsSync(pinnedNode) && realpathSync(pinnedNode) === realpathSync(process.execPath);
}

/** Installs and builds what is missing or old. */
export function setUp({ build }) {
  const ready = () => isInstalled() && (!build || isBuilt());
  if (ready()) return;
  withLock(() => {
    if (!isInstalled()) install();
    if (build && !isBuilt()) buildDist();
  });
}

function isInstalled() {
  return existsSync(pinnedNode) && readOr(installStamp, '') === installFingerprint();
}

// The lockfile names every package, allowScripts decides which install scripts ran.
function installFingerprint() {
  const { allowScripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const hash = createHash('sha256').update(JSON.stringify(allowScripts ?? null));
  hash.update(readFileSync(join(root, 'package-lock.json')));
  return `${process.platform}-${process.arch} ${hash.digest('hex')}`;
}

function install() {
  timed(texts.installing, installDependencies);
}

function installDependencies() {
  const fingerprint = installFingerprint();
  // Inside npm or npx, uses the running npm, without the variables that it sets for this run.
  const npm = process.env.npm_execpath;
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^npm_(config|package|lifecycle)_/i.test(name),
  );
  const args = ['ci', '--no-progress', '--no-fund', '--no-audit', '--loglevel=error'];
  const options = { cwd: root, stdio: ['ignore', 2, 2], env: Object.fromEntries(inherited) };
  const { status, error } = npm?.endsWith('npm-cli.js')
    ? spawnSync(process.execPath, [npm, ...args], options)
    : spawnSync('npm', args, { ...options, shell: process.platform === 'win32' });
  if (error) throw new Error(texts.noNpm(error.message));
  if (status !== 0) throw new Error(texts.npmFailed);
  if (!existsSync(pinnedNode)) {
    throw new Error(texts.noPinnedNode);
  }
  writeFileSync(installStamp, fingerprint);
}

function isBuilt() {
  const [stats, contents] = readOr(buildStamp, '').split('\n');
  if (!contents) return false;
  if (stats === sourceFingerprint({ byContents: false })) return true;
  // A checkout or a copy changes only times: record the new times instead of building.
  if (contents !== sourceFingerprint({ byContents: true })) return false;
  writeBuildStamp();
  return true;
}

function buildDist() {
  timed(texts.building, bundle);
}

function bundle() {
  const { status } = spawnSync(pinnedNode, [join(root, 'scripts/build.mjs')], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0) throw new Error(texts.buildFailed);
}

/**
 * The build calls this before it reads the sources, and writes the result afterwards: a file saved in between is built
 * next time.
 */
export function sourceFingerprints() {
  return [sourceFingerprint({ byContents: false }), sourceFingerprint({ byContents: true })].join('\n');
}

export function writeBuildStamp(fingerprints = sourceFingerprints()) {
  writeFileSync(buildStamp, fingerprints);
}

function sourceFingerprint({ byContents }) {
  const hash = createHash('sha256');
  const files = ['package.json', 'package-lock.json', 'scripts/build.mjs', 'scripts/bundle.mjs'];
  for (const name of readdirSync(join(root, 'src'), { recursive: true })) {
    if (!name.endsWith('.test.ts')) files.push(join('src', name));
  }
  for (const name of files.sort()) {
    const stat = statSync(join(root, name), { throwIfNoEntry: false });
    if (!stat?.isFile()) continue;
    hash.update(`${name}\0`);
    hash.update(byContents ? readFileSync(join(root, name)) : `${stat.size} ${stat.mtimeMs}`);
  }
  return hash.digest('hex');
}

/** One set-up at a time per clone: the lock file names the owner, and the lock of a dead owner is removed. */
function withLock(work) {
  const mine = `${lockFile}-${process.pid}`;
  writeFileSync(mine, `${hostname()} ${process.pid}`);
  try {
    for (let waited = 0; !tryLink(mine); waited++) {
      if (isAbandoned()) rmSync(lockFile, { force: true });
      else {
        if (waited === 0) say(texts.waiting(readOr(lockFile, texts.justFinished)));
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
      }
    }
    try {
      work();
    } finally {
      rmSync(lockFile, { force: true });
    }
  } finally {
    rmSync(mine, { force: true });
  }
}

// Creating a link is atomic, so no process reads a lock without its owner.
function tryLink(mine) {
  try {
    linkSync(mine, lockFile);
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    return false;
  }
}

function isAbandoned() {
  const [host, pid] = readOr(lockFile, '').split(' ');
  if (!pid) return false;
  const age = Date.now() - (statSync(lockFile, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
  if (age > 15 * 60_000) return true;
  if (host !== hostname()) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return error.code === 'ESRCH';
  }
}

function readOr(path, otherwise) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return otherwise;
  }
}

/**
 * Runs a step. On a terminal its line counts the seconds; a thread writes them, because the step blocks this one. A step
 * that fails keeps its line.
 */
function timed(what, step) {
  if (process.stderr.isTTY !== true || process.env.TERM === 'dumb') {
    say(what);
    return step();
  }
  const startedMs = Date.now();
  const line = texts.step(what);
  process.stderr.write(line);
  const ended = new Int32Array(new SharedArrayBuffer(4));
  const ticker = new Worker(
    `const { workerData: { ended, line, startedMs, after } } = require('node:worker_threads');
    while (Atomics.wait(ended, 0, 0, 1000) === 'timed-out')
      require('node:fs').writeSync(2, '\\r' + line + ' ' + Math.floor((Date.now() - startedMs) / 1000) + after);`,
    { eval: true, workerData: { ended, line, startedMs, after: texts.seconds('') } },
  );
  ticker.on('error', () => {});
  try {
    step();
  } finally {
    Atomics.store(ended, 0, 1);
    Atomics.notify(ended, 0);
    process.stderr.write(`\r${line} ${texts.seconds(((Date.now() - startedMs) / 1000).toFixed(1))}\x1b[K\n`);
  }
}

function say(what) {
  process.stderr.write(`${texts.step(what)}\n`);
}
