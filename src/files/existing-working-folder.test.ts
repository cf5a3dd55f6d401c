/** Worker threads of a process whose working folder was deleted, in a process of its own. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';

const start = `
  import { once } from 'node:events';
  import { mkdirSync, rmdirSync } from 'node:fs';
  import { Worker } from 'node:worker_threads';
  import { enterExistingFolder } from ${JSON.stringify(new URL('./existing-working-folder.ts', import.meta.url).href)};
`;
const startWorker = `
  enterExistingFolder();
  const program = "require('node:worker_threads').parentPort.postMessage(process.cwd())";
  const [folder] = await once(new Worker(program, { eval: true, execArgv: [] }), 'message');
  process.stdout.write(folder);
`;

/** Returns the working folder of a worker, after `steps` in the process that starts it. */
function folderOfWorker(folder: string, steps: string): string {
  const code = `${start} ${steps} ${startWorker}`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    cwd: folder,
    encoding: 'utf8',
  });
  assert.equal(stderr, '');
  return stdout;
}

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'flm-working-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test('a worker starts in a working folder that exists', (t) => {
  const folder = temporaryFolder(t);
  assert.equal(folderOfWorker(folder, ''), folder);
});

test('a worker starts in the root folder if the working folder was deleted', {
  skip: process.platform === 'win32',
}, (t) => {
  assert.equal(folderOfWorker(temporaryFolder(t), 'rmdirSync(process.cwd());'), '/');
});

test('a worker starts in the working folder if the folder was deleted and made again', (t) => {
  const folder = temporaryFolder(t);
  assert.equal(
    folderOfWorker(folder, 'const here = process.cwd(); rmdirSync(here); mkdirSync(here);'),
    folder,
  );
});
