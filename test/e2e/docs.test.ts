/**
 * What the pages for users say is so: every block of README and guide that is marked `sh` runs here from top to bottom, as
 * it is printed, but for the port; every command and flag that any page names exists; so does every error code; links lead
 * somewhere.
 *
 * Blocks marked `console` are not run: they need another machine, root, or a program that may not be here.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import type { Command } from 'commander';
import { makeProgram } from '../../src/cli/program.ts';
import { ownFindingCodes } from '../../src/core/doctor/report.ts';
import { errorTable } from '../../src/core/errors.ts';
import { warningCodes } from '../../src/core/proxy/warning.ts';
import { flmEntry, makeCli, type TestCli } from '../helpers/cli.ts';
import { startFakeEngine } from '../helpers/fake-engine.ts';
import { silentCli } from '../helpers/silent-cli.ts';

const root = join(import.meta.dirname, '../..');
const translated = [
  ['README.md', 'README.ja.md'],
  ['docs/guide.md', 'docs/ja/guide.md'],
  ['docs/tls.md', 'docs/ja/tls.md'],
] as const;
const pages = [...translated.flat(), 'docs/operations.md', 'docs/automation.md', 'docs/security.md'];
const textOf = (page: string): string => readFileSync(join(root, page), 'utf8');

interface Block {
  readonly language: string;
  readonly text: string;
}

function blocksOf(page: string): readonly Block[] {
  return [...textOf(page).matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(([, language = '', text = '']) => ({
    language,
    text,
  }));
}

// --- blocks that run

for (const page of ['README.md', 'docs/guide.md'])
  test(`${page}: every block for a shell runs as it is printed`, async (t) => {
    const cli = makeCli(t);
    const blocks = blocksOf(page).filter((b) => b.language === 'sh');
    assert.ok(blocks.length > 2);
    makeStandIns(cli);
    let port = '8484';
    let key = '';

    for (const { text } of blocks) {
      const { code, output } = await runInShell(cli, text.replaceAll(':8484', `:${port}`), key);
      assert.equal(code, 0, `${text}\n${output}`);
      // What a person would have read off the screen.
      key ||= /flm_[0-9A-Za-z]{49}/.exec(output)?.[0] ?? '';
      if (port === '8484') port = /http:\/\/127\.0\.0\.1:(\d+)\/v1/.exec(output)?.[1] ?? port;
    }
    assert.notEqual(key, '');
    assert.notEqual(port, '8484');
  });

/** `flm`, `npx flm` and `npm start`, the last in the background and on a free port. */
function makeStandIns(cli: TestCli): void {
  const flm = `exec '${process.execPath}' '${flmEntry}'`;
  const script = (name: string, text: string): void =>
    writeFileSync(join(cli.programs, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  script('flm', `[ "$*" = "up --detach" ] && set -- up --detach --port 0\n${flm} "$@"`);
  script('npx', `[ "$1" = flm ] || exit 9\nshift\n${flm} "$@"`);
  const start = (JSON.parse(textOf('package.json')) as { scripts: { start: string } }).scripts.start;
  assert.equal(start, 'node bin/flm.mjs up');
  script('npm', `[ "$*" = start ] || exit 9\n${flm} up --detach --port 0`);
}

function runInShell(
  cli: TestCli,
  text: string,
  key: string,
): Promise<{ code: number | null; output: string }> {
  const child = spawn('sh', ['-eu', '-c', text], {
    cwd: cli.folder,
    env: {
      HOME: cli.folder,
      PATH: `${cli.programs}:${process.env.PATH}`,
      FLM_HOME: cli.home,
      FLM_DETECT_PORTS: '',
      FLM_SETUP: 'off',
      FLM_API_KEY: key,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (piece: string) => (output += piece));
  return new Promise((resolve) => {
    child.on('close', (code) => resolve({ code, output }));
  });
}

for (const [page, language, first, last] of [
  ['README.md', 'en', 'flm is up.', /Ctrl-C stops it\.\n/],
  ['README.ja.md', 'ja', 'flmを起動しました。', /Ctrl-Cで停止します。\n/],
] as const)
  test(`${page} shows the output of the first run as the program prints it`, async (t) => {
    const engine = await startFakeEngine({
      '/': { body: 'Ollama is running' },
      '/api/version': { body: { version: '0.17.4' } },
      '/api/tags': {
        body: { models: ['qwen3:8b', 'nomic-embed-text:latest'].map((name) => ({ name, model: name })) },
      },
    });
    t.after(() => engine.close());
    const cli = makeCli(t, { FLM_DETECT_PORTS: new URL(engine.url).port, FLM_LANG: language });
    const up = cli.start('up', '--port', '0');
    await up.saw(last);
    up.child.kill('SIGINT');
    const { code, stdout: printed } = await up.ended;
    assert.equal(code, 0);

    const shown = blocksOf(page).find((block) => block.text.startsWith(first))?.text ?? '';
    const neutral = (text: string): string =>
      text.replaceAll(/flm_[0-9A-Za-z]{49}/g, 'flm_KEY').replaceAll(/127\.0\.0\.1:\d+/g, '127.0.0.1:PORT');
    assert.equal(neutral(shown), neutral(printed));
  });

// --- what pages name

const program = makeProgram(silentCli());

/** `flm a b --flag` of inline code and of blocks. */
function commandLinesOf(page: string): readonly string[] {
  const text = textOf(page);
  const inline = [...text.matchAll(/`((?:npx )?flm(?: [^`\n]+)?)`/g)].map((m) => m[1] ?? '');
  const inBlocks = blocksOf(page)
    .filter((b) => b.language === 'sh' || b.language === 'console')
    .flatMap((b) => b.text.replaceAll('\\\n', ' ').split('\n'))
    .flatMap((line) => /^(?:.*[\s|/])?(flm(?:\.mjs)? .*)$/.exec(line)?.[1] ?? []);
  return [...inline, ...inBlocks].map((line) => line.replace(/^npx /, '').replace(/^flm\.mjs/, 'flm'));
}

function assertExists(line: string): void {
  // What follows a comma or a pipe is another command.
  const words = (line.split(/ [|<>] /)[0] ?? '').split(/\s+/).slice(1);
  let command: Command = program;
  const own = [...program.options];
  let isValue = false;
  for (const word of words) {
    if (isValue) {
      isValue = false;
      continue;
    }
    const sub = command.commands.find((c) => c.name() === word || c.aliases().includes(word));
    // A dash alone is standard input.
    if (word === '-') continue;
    if (sub !== undefined) command = sub;
    else if (word.startsWith('-')) {
      const flag = word.split('=')[0];
      const known = [...own, ...command.options].find((o) => o.short === flag || o.long === flag);
      assert.ok(known !== undefined || flag === '--help', `\`${line}\` has the flag ${flag}`);
      isValue = known?.required === true && !word.includes('=');
    } else {
      const isArgument = command.commands.length === 0 || command.registeredArguments.length > 0;
      assert.ok(isArgument, `\`${line}\` names a command that there is: ${word}`);
    }
  }
  if (words.length > 0) assert.notEqual(command, program, `\`${line}\` names a command`);
}

for (const page of pages) {
  test(`${page}: every command and flag that it names exists`, () => {
    const lines = commandLinesOf(page).filter((line) => !/^flm (--help|--version|--json)$/.test(line));
    assert.ok(lines.length > 3);
    for (const line of lines) assertExists(line);
  });

  test(`${page}: every link leads somewhere`, () => {
    for (const [, target = ''] of textOf(page).matchAll(/\]\(([^)]+)\)/g)) {
      const [path = '', anchor] = target.split('#');
      const file = path === '' ? join(root, page) : join(root, dirname(page), path);
      assert.ok(existsSync(file), `${page}: ${target}`);
      if (anchor === undefined) continue;
      const anchors = [...readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
        heading
          .toLowerCase()
          .replaceAll(/[^\p{L}\p{N}_\- ]/gu, '')
          .replaceAll(' ', '-'),
      );
      assert.ok(anchors.includes(anchor), `${page}: ${target}`);
    }
  });

  test(`${page}: every error code that it names is in the table`, () => {
    // A code of Node, which a log line has as its reason, and codes that are no errors.
    const others = new Set<string>(['CERT_HAS_EXPIRED', ...warningCodes, ...ownFindingCodes]);
    const families = new Set(Object.keys(errorTable).map((code) => code.split('_')[0]));
    for (const [, code = ''] of textOf(page).matchAll(/\b([A-Z]+_[A-Z_]+)\b/g))
      if (families.has(code.split('_')[0]) && !others.has(code))
        assert.ok(Object.hasOwn(errorTable, code), `${page}: ${code}`);
  });
}

for (const page of ['README.md', 'README.ja.md'])
  test(`${page} lists every command`, () => {
    for (const { name } of program.commands.map((c) => ({ name: c.name() })))
      assert.match(textOf(page), new RegExp(`^\\| \`flm ${name}\\b`, 'm'));
  });
