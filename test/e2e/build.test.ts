/** What the files of the build cost in memory and time, before they have done anything. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { flmEntry } from '../helpers/cli.ts';

const dist = join(flmEntry, '../../dist');
const chunks = chunksFrom('main.js');
/** Folders of a build keep files of earlier builds for a while. */
function chunksFrom(first: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const open = [first];
  for (const name of open) {
    if (found.has(name)) continue;
    const text = readFileSync(join(dist, name), 'utf8');
    found.set(name, text);
    for (const [, next] of text.matchAll(/(?:from |import\(?)"\.\/([^"/]+\.js)"/g)) if (next) open.push(next);
  }
  return found;
}

test('no file of the build has characters that take two bytes each in memory', () => {
  assert.ok(chunks.size > 20, 'the build has chunks');
  const wide = /[^\0-\x7f]/;
  const found = [...chunks].filter(([, text]) => wide.test(text)).map(([name]) => name);
  assert.deepEqual(found, []);
});

test('no file of the build imports a module of Node as a whole', () => {
  const whole = /(?:^|[;\n])\s*import\b[^;()]*["']node:[\w/]+["']/;
  const found = [...chunks].filter(([, text]) => whole.test(text)).map(([name]) => name);
  assert.deepEqual(found, []);
});

test('a proxy loads no terminal, HTTP client, TLS or compression of Node before it uses them', (t) => {
  // No other process asks it for a proxy, so it ends when it is loaded.
  const stdout = modulesOf(t, 'proxy', 'run', '--launched');
  assert.match(stdout, /NativeModule (?:net|crypto)"/);
  assert.doesNotMatch(stdout, /NativeModule (?:readline|tls|https|zlib|internal\/deps\/undici)/);
});

test('a command loads no TLS, cryptography or compression of Node before it uses them', (t) => {
  const stdout = modulesOf(t, '--version');
  assert.match(stdout, /NativeModule net"/);
  assert.doesNotMatch(stdout, /NativeModule (?:tls|https|crypto|zlib)"/);
});

/** Returns what the process prints at its end: the names of all modules of Node that it loaded. */
function modulesOf(t: TestContext, ...args: readonly string[]): string {
  const home = mkdtempSync(join(tmpdir(), 'flm-build-'));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  const report = `process.on('exit', () => process.stdout.write(JSON.stringify(process.moduleLoadList)))`;
  const tap = `data:text/javascript,${encodeURIComponent(report)}`;
  const { stdout } = spawnSync(process.execPath, ['--import', tap, flmEntry, ...args], {
    env: { FLM_SETUP: 'off', FLM_HOME: home, XDG_CACHE_HOME: home },
    encoding: 'utf8',
  });
  return stdout;
}

test('the store thread has no code of schemas and engines', () => {
  const threads = [...chunks.values()].flatMap(
    (text) => text.match(/function storeWorkerProgram\(\) \{.*?\n\}/s) ?? [],
  );
  assert.equal(threads.length, 1);
  const [code = ''] = threads;
  assert.match(code, /DatabaseSync/);
  assert.doesNotMatch(code, /ZodType|llama/i);
});

test('a command makes no segmenter for text that is ASCII, and schemas compile no function', (t) => {
  const home = mkdtempSync(join(tmpdir(), 'flm-build-'));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  const tap = `
    const tell = (name) => class { constructor() { console.log('made ' + name); } };
    Object.assign(Intl, { Segmenter: tell('Segmenter'), Collator: tell('Collator') });`;
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', `data:text/javascript,${encodeURIComponent(tap)}`, flmEntry, 'policy', 'show', '--json'],
    { env: { FLM_SETUP: 'off', FLM_HOME: home, XDG_CACHE_HOME: home }, encoding: 'utf8' },
  );
  assert.ok(stdout.startsWith('{'), stdout + stderr);
  assert.ok([...chunks.values()].some((text) => text.includes('__zod_globalConfig = { jitless: true }')));
});

test('a proxy and a command read few files when they start, and no code of the other', () => {
  const [proxy = [], early = [], command = []] = [
    ...(chunks.get('main.js') ?? '').matchAll(/import\("\.\/([^"]+)"\)/g),
  ].map(([, start = '']) => loadedWith(start));
  for (const names of [proxy, command])
    assert.ok(names.length > 3 && names.length <= 8, `reads ${names.join(', ')}`);
  const shared = (name: string): boolean => /^(?:early-|proxy-commands-|rolldown-runtime)/.test(name);
  for (const name of proxy) assert.equal(command.includes(name), shared(name), name);
  const earlyLength = early.reduce((sum, name) => sum + (chunks.get(name) ?? '').length, 0);
  assert.ok(earlyLength > 0 && earlyLength < 100_000, `before the command are read ${early.join(', ')}`);
  // Its last line waits for the command. A file that the command reads later and that imports it would wait for that line.
  const waiting = [...chunks].filter(([, text]) => text.includes(`"./${command[0]}"`)).map(([name]) => name);
  assert.deepEqual(waiting, ['main.js']);
});

/** Returns the file, and all that are read before its code runs. */
function loadedWith(first: string): readonly string[] {
  const found = [first];
  for (const name of found)
    for (const [, next] of (chunks.get(name) ?? '').matchAll(/^(?:import|export) .*"\.\/([^"/]+\.js)";/gm))
      if (next && !found.includes(next)) found.push(next);
  return found;
}
