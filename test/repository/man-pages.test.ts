import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import packageJson from '../../package.json' with { type: 'json' };
import { manPages } from '../../scripts/docs/man-pages.ts';
import { makeProgram } from '../../src/cli/program.ts';
import { silentCli } from '../helpers/silent-cli.ts';

const root = join(import.meta.dirname, '../..');
const pages = manPages({ root, version: '1.2.3', epochSeconds: 1_767_323_045 });
const plain = (name: string): string => (pages.get(name) ?? '').replaceAll('\\-', '-');

test('the package lists a manual page for the program and for each of its commands', () => {
  const commands = makeProgram(silentCli()).commands.map((c) => `flm-${c.name()}.1`);
  assert.deepEqual([...pages.keys()].sort(), ['flm.1', ...commands].sort());
  assert.deepEqual(
    packageJson.man,
    [...pages.keys()].sort().map((name) => `man/${name}`),
  );
  assert.ok(packageJson.files.includes('man'));
});

test('a manual page has each subcommand with its arguments, options and examples, and the exit statuses', () => {
  const page = plain('flm-key.1');
  for (const part of [
    '.TH FLM-KEY 1 2026-01-02 "flm 1.2.3"',
    '.SS flm key create',
    '.B --tokens-per-day <number>',
    'flm key create ci --model \\(dqqwen*\\(dq --rpm 60',
    '.SH EXIT STATUS',
  ])
    assert.ok(page.includes(part), part);
  assert.match(plain('flm.1'), /\.SH ENVIRONMENT[\s\S]*\.B NO_COLOR/);
});

const hasMandoc = spawnSync('mandoc', ['-V']).error === undefined;

test('mandoc finds nothing wrong with the manual pages', { skip: !hasMandoc && 'no mandoc' }, (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'flm-man-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const files = [...pages].map(([name, text]) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  });
  const { stdout, stderr } = spawnSync('mandoc', ['-Tlint', '-W', 'warning', ...files], { encoding: 'utf8' });
  assert.equal(stdout + stderr, '');
});
