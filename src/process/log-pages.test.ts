/** Pages of a log from its end, over rotated files, with real files. */
import assert from 'node:assert/strict';
import { appendFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { temporaryHome } from '../../test/helpers/temporary-store.ts';
import { type LogPageRequest, readLogPage } from './log-pages.ts';

function logOf(t: TestContext): string {
  return join(temporaryHome(t), 'x.log');
}

/** Reads pages until the beginning of the log. */
async function allPages(
  path: string,
  limit: number,
  matches: LogPageRequest['matches'] = () => true,
): Promise<readonly (readonly string[])[]> {
  const pages: (readonly string[])[] = [];
  let before: string | undefined;
  for (;;) {
    const page = await readLogPage(path, { limit, matches, ...(before === undefined ? {} : { before }) });
    pages.push(page.lines);
    if (page.before === null) return pages;
    before = page.before;
  }
}

test('each line of a log and of its rotated files is on exactly one page, newest first', async (t) => {
  const path = logOf(t);
  writeFileSync(`${path}.2`, 'a\nb\n');
  writeFileSync(`${path}.1`, 'ç\nd\ne\n');
  writeFileSync(path, 'f\ng');
  for (const limit of [1, 2, 3, 4, 7, 50]) {
    const pages = await allPages(path, limit);
    assert.equal(pages.flat().join(''), 'gfedçba', `${limit}`);
    assert(pages.every(({ length }) => length <= limit));
  }
});

test('lines that are longer than a block, and blocks full of lines, are read whole', async (t) => {
  const path = logOf(t);
  const lines = Array.from({ length: 9_000 }, (_, i) => `${i} ${'é'.repeat(i % 400)}`);
  writeFileSync(path, `${lines.join('\n')}\n`);
  assert.deepEqual((await allPages(path, 1_000)).flat(), lines.toReversed());
  writeFileSync(path, `first\n${'x'.repeat(300_000)}\nlast\n`);
  const [last, long, first] = (await allPages(path, 10)).flat();
  assert.deepEqual([last, long?.length, first], ['last', 64 * 1024, 'first']);
});

test('a position stays right while the log grows and is rotated, and ends where its file is gone', async (t) => {
  const path = logOf(t);
  writeFileSync(path, '1\n2\n3\n');
  const matches = () => true;
  const { before } = await readLogPage(path, { limit: 1, matches });
  assert(before !== null);
  appendFileSync(path, '4\n');
  renameSync(path, `${path}.1`);
  writeFileSync(path, '5\n');
  assert.deepEqual((await readLogPage(path, { limit: 5, before, matches })).lines, ['2', '1']);
  rmSync(`${path}.1`);
  assert.deepEqual(await readLogPage(path, { limit: 5, before, matches }), { lines: [], before: null });
  for (const nonsense of ['', '../../etc/passwd', '1-', '-1', '1-1-1'])
    assert.deepEqual(await readLogPage(path, { limit: 5, before: nonsense, matches }), {
      lines: [],
      before: null,
    });
});

test('a search that finds nothing reads a bounded part of the log and says where it stopped', async (t) => {
  const path = logOf(t);
  writeFileSync(path, `needle\n${`${'hay '.repeat(250)}\n`.repeat(9_000)}`);
  const matches = (line: string) => line.includes('needle');
  const first = await readLogPage(path, { limit: 1, matches });
  assert.deepEqual(first.lines, []);
  assert(first.before !== null);
  assert.deepEqual((await allPages(path, 1, matches)).flat(), ['needle']);
});

test('a log that does not exist has no lines', async (t) => {
  assert.deepEqual(await readLogPage(logOf(t), { limit: 5, matches: () => true }), {
    lines: [],
    before: null,
  });
});
