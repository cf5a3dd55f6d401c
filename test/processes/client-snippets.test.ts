/**
 * The settings that `flm connect` prints, parsed by the programs that read them: a shell, Python, the compiler of Java.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from '@decimalturn/toml-patch';
import { parse as parseYaml } from 'yaml';
import { clients } from '../../src/clients/clients.ts';
import { snippetsOf } from '../../src/clients/recipe.ts';
import type { ConnectTarget, Snippet } from '../../src/clients/snippet.ts';
import { clientTexts } from '../../src/clients/texts.ts';

const origin = 'http://127.0.0.1:8484';
/** A name that every format has to quote. */
const hostile = `it's "a" $HOME \`id\` \\ #x: [m]/q`;
const authority = { alone: "/home/o'neil/flm data/ca.crt", withPublic: "/home/o'neil/flm data/bundle.crt" };
const targets: readonly ConnectTarget[] = [
  { origin, model: 'qwen3', key: undefined },
  { origin, model: 'qwen3', key: 'flm_secret' },
  { origin, model: hostile, key: "k'ey" },
  { origin, model: hostile, key: undefined, contextTokens: 40_960, authority, clientCertificate: true },
];

/** Parses a snippet in its format; throws if that fails. */
const readers: Readonly<Record<Snippet['format'], (text: string) => void>> = {
  json: (text) => void JSON.parse(text),
  yaml: (text) => void parseYaml(text),
  toml: (text) => void parse(text),
  js: (text) => void stripTypeScriptTypes(text),
  sh: (text) => {
    const { status, stderr } = spawnSync('sh', ['-n', '-c', text], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  },
  python: (text) => parsedBy('python3', ['-c', 'import ast, sys; ast.parse(sys.stdin.read())'], text),
  // The compiler stops after parsing, so no library is needed.
  java: (text) => {
    const folder = mkdtempSync(join(tmpdir(), 'flm-java-'));
    try {
      const file = join(folder, 'Hello.java');
      writeFileSync(file, text);
      parsedBy('javac', ['-XDshould-stop.ifNoError=PARSE', file], '');
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
  steps: (text) => assert.match(text, /: /),
};

/** Checks nothing on a machine without the program. */
function parsedBy(program: string, args: readonly string[], input: string): void {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8', input });
  if (error === undefined) assert.equal(status, 0, stderr);
}

for (const recipe of clients) {
  test(`${recipe.name}: every snippet parses and has the base URL that the client expects`, () => {
    for (const to of targets) {
      const snippets = snippetsOf(recipe, to);
      for (const { format, text } of snippets) readers[format](text);
      const urls = snippets.flatMap(({ text }) => text.match(/http:\/\/127\.0\.0\.1:8484[\w/]*/g) ?? []);
      const base = recipe.base === '/v1' ? `${origin}/v1` : origin;
      assert.ok(urls.length > 0);
      for (const url of urls) assert.equal(url.replace(/\/chat\/completions$/, ''), base);
      const all = [
        ...snippets.map((s) => s.text),
        ...recipe.notes.map((note) => clientTexts.notes[note]),
      ].join('\n');
      if (to.key === undefined) assert.match(all, /FLM_API_KEY/);
      else assert.match(all, /flm_secret|k'ey|k'\\''ey/);
    }
  });
}
