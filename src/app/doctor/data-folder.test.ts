import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { dataFolderFindings, spaceFinding } from './data-folder.ts';

function folder(t: TestContext): string {
  const home = mkdtempSync(join(tmpdir(), 'flm-doctor-'));
  t.after(() => rmSync(home, { recursive: true }));
  mkdirSync(join(home, 'tls'), { mode: 0o700 });
  writeFileSync(join(home, 'flm.db'), '', { mode: 0o600 });
  writeFileSync(join(home, 'tls', 'authority.crt'), '', { mode: 0o644 });
  return home;
}

/** The disk of the tests may be full. */
const ofFiles = async (home: string) =>
  (await dataFolderFindings(home)).filter(({ code }) => code.startsWith('DATA_FILE'));

test('little free space is a warning, and almost none is an error', () => {
  assert.equal(spaceFinding('/data', 5e9), undefined);
  assert.deepEqual(
    [5e8, 5e7].map((free) => spaceFinding('/data', free)?.code),
    ['DISK_LOW', 'DISK_FULL'],
  );
  assert.match(spaceFinding('/data', 5e8)?.message ?? '', /500 MB left/);
});

const posix = { skip: process.platform === 'win32' ? 'there are no modes' : false };

test(
  'files with secrets that others may read are named, published certificates are not',
  posix,
  async (t) => {
    const home = folder(t);
    assert.deepEqual(await ofFiles(home), []);

    chmodSync(join(home, 'flm.db'), 0o644);

    const [found] = await ofFiles(home);
    assert.deepEqual([found?.code, found?.command], ['DATA_FILE_OPEN', `chmod -R go= ${home}`]);
    assert.match(found?.message ?? '', /: flm\.db\.$/);
  },
);

const asRoot = { skip: process.getuid?.() === 0 ? false : 'only root gives files away' };

test('files and folders of another user are named', asRoot, async (t) => {
  const home = folder(t);
  chownSync(join(home, 'tls'), 12_345, 12_345);

  const [found] = await ofFiles(home);

  assert.deepEqual([found?.code, found?.severity], ['DATA_FILE_FOREIGN', 'error']);
  assert.match(found?.message ?? '', /another user: tls;/);
});
