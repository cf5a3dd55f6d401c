/**
 * `docs/hazards.md` names code and tests that exist, and what it says of the tests themselves is so.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { assertNoLeaks, leaksSince, takeStock } from '../helpers/leaks.ts';

const root = join(import.meta.dirname, '../..');
const page = 'docs/hazards.md';

interface Hazard {
  readonly name: string;
  readonly files: readonly string[];
  readonly tests: readonly { readonly file: string; readonly title: string }[];
}

/** The rows of the tables: hazard, effect, countermeasure, code, test. */
function hazards(): readonly Hazard[] {
  const rows = readFileSync(join(root, page), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| hazard |') && !line.startsWith('| --- |'));
  return rows.map((row) => {
    const cells = row.split('|').map((cell) => cell.trim());
    assert.equal(cells.length, 7, `five cells: ${row}`);
    const [, name = '', , , code = '', shown = ''] = cells;
    return {
      name,
      files: [...code.matchAll(/`([^`]+)`/g)].map(([, file = '']) => file),
      tests: [...shown.matchAll(/`([^`]+)`: "([^"]+)"/g)].map(([, file = '', title = '']) => ({
        file,
        title,
      })),
    };
  });
}

function sources(folder: string): readonly string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name));
}

test('every hazard names code that exists, and a test of that title', () => {
  const rows = hazards();
  assert.ok(rows.length > 20, `${rows.length} hazards`);
  for (const { name, files, tests } of rows) {
    assert.ok(files.length > 0, `no code: ${name}`);
    assert.ok(tests.length > 0, `no test: ${name}`);
    for (const file of files) assert.ok(existsSync(join(root, file)), `${file} is not there: ${name}`);
    for (const { file, title } of tests) {
      const path = join(root, file);
      assert.ok(existsSync(path), `${file} is not there: ${name}`);
      const titles = [
        ...readFileSync(path, 'utf8').matchAll(/\b(?:test|story|describe)\(\s*(['"])(.+?)\1,/g),
      ];
      assert.ok(
        titles.some(([, , found]) => found === title),
        `${file} has no test "${title}"`,
      );
    }
  }
});

test('the pages that list pages lead to it', () => {
  for (const file of ['README.md', 'CONTRIBUTING.md', 'docs/security.md']) {
    assert.match(readFileSync(join(root, file), 'utf8'), /\((?:docs\/)?hazards\.md\)/, file);
  }
});

test('no test listens on a port of its own choice', () => {
  for (const file of [...sources('src').filter((name) => name.endsWith('.test.ts')), ...sources('test')]) {
    const found = /\.listen\(\s*(?:\{[^}]*\bport:\s*)?[1-9]\d*\b.*/.exec(
      readFileSync(join(root, file), 'utf8'),
    );
    assert.equal(found, null, `${file}: ${found?.[0]}`);
  }
});

test('a socket or a child that a test leaves is found', async () => {
  const before = takeStock();
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  await once(child, 'spawn');
  assert.ok(leaksSince(before).length >= 2, leaksSince(before).join());
  child.kill('SIGKILL');
  await once(child, 'exit');
  server.close();
  await assertNoLeaks(before);
});
