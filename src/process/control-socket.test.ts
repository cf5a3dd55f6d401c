import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { bindControlSocket, sweepStaleSockets } from './control-socket.ts';

const later = Date.now() + 3_600_000;

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'flm-sockets-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** A socket whose owner ended without a chance to remove it. */
function staleSocket(path: string): void {
  const program = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['--eval', program]);
}

test('a socket that nobody listens on is removed, one that answers stays', async (t) => {
  const folder = folderFor(t);
  const [stale, living] = [join(folder, 'a.sock'), join(folder, 'b.sock')];
  staleSocket(stale);
  assert.ok(existsSync(stale));
  const server = createServer((socket) => socket.end()).listen(living);
  await once(server, 'listening');
  t.after(() => server.close());
  await sweepStaleSockets(folder, later);
  assert.ok(!existsSync(stale));
  const socket = connect(living);
  await once(socket, 'connect');
  socket.destroy();
});

test('a young socket stays, and a folder that is not there is no fault', async (t) => {
  const folder = folderFor(t);
  const stale = join(folder, 'a.sock');
  staleSocket(stale);
  await sweepStaleSockets(folder, Date.now());
  assert.ok(existsSync(stale));
  await sweepStaleSockets(join(folder, 'none'), later);
});

test('a socket that cannot be opened is named with the reason of the system', async (t) => {
  const path = join(folderFor(t), 'missing/a.sock');
  await assert.rejects(bindControlSocket(createServer(), path), {
    code: 'SYSTEM_REFUSED',
    message: new RegExp(`refused to open the control socket ${path}: .* \\((EACCES|ENOENT)\\)`),
  });
});
