import assert from 'node:assert/strict';
import { createConnection, type Socket } from 'node:net';
import { test } from 'node:test';
import { noRedis, startRedis } from './redis-server.ts';

/** One inline command, and its whole answer. */
async function ask(port: number, command: string): Promise<string> {
  const socket: Socket = createConnection(port, '127.0.0.1');
  socket.end(`${command}\r\n`);
  return (await socket.setEncoding('utf8').toArray()).join('');
}

test('a real server starts, forgets at a kill, and comes back on its port', { skip: noRedis }, async () => {
  await using server = await startRedis();
  assert.equal(await ask(server.port, 'SET k v'), '+OK\r\n');
  await server.kill();
  await assert.rejects(ask(server.port, 'PING'));
  await server.start();
  assert.equal(await ask(server.port, 'GET k'), '$-1\r\n');
});

test('a durable server remembers over a kill', { skip: noRedis }, async () => {
  await using server = await startRedis({ durable: true });
  assert.equal(await ask(server.port, 'SET k v'), '+OK\r\n');
  await server.kill();
  await server.start();
  assert.equal(await ask(server.port, 'GET k'), '$1\r\nv\r\n');
});
