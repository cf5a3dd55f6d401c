import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { countWrite, writeInTurn } from './turn-writes.ts';

class Recorder extends Writable {
  readonly written: string[] = [];

  override _write(bytes: Buffer, _encoding: string, done: () => void): void {
    this.written.push(bytes.toString('latin1'));
    done();
  }
}

test('small writes of a turn go out when the turn ends, in order', async () => {
  const [first, second] = [new Recorder(), new Recorder()];
  for (const text of ['a', 'b']) writeInTurn(first, text);
  writeInTurn(second, 'é');
  first.write('c');
  assert.deepEqual([first.written, second.written], [[], []]);
  await turn();
  assert.deepEqual([first.written, second.written], [['a', 'b', 'c'], ['é']]);
  writeInTurn(first, 'd');
  assert.equal(first.written.length, 3);
  await turn();
  assert.deepEqual(first.written, ['a', 'b', 'c', 'd']);
});

test('so many sockets that the first one would wait long do not wait for the end of the turn', async () => {
  const sockets = Array.from({ length: 65 }, () => new Recorder());
  for (const socket of sockets) writeInTurn(socket, 'a');
  assert.equal(sockets.filter(({ written }) => written.length > 0).length, 64);
  await turn();
  assert.equal(sockets.filter(({ written }) => written.length > 0).length, 65);
});

test('a response does not wait for more than 63 events', async () => {
  const socket = new Recorder();
  for (let events = 0; events < 100; events++) countWrite();
  writeInTurn(socket, 'a');
  for (let events = 0; events < 62; events++) countWrite();
  assert.deepEqual(socket.written, []);
  countWrite();
  assert.deepEqual(socket.written, ['a']);
  await turn();
});

test('a response that waits goes out when a mistake ends the process', () => {
  const program = `
    const { writeInTurn } = await import(${JSON.stringify(new URL('turn-writes.ts', import.meta.url))});
    writeInTurn(process.stdout, 'a');
    throw new Error('mistake');`;
  const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', program]);
  assert.deepEqual([status, String(stdout)], [1, 'a']);
});

test('a long text goes out at once, behind what waits', async () => {
  const socket = new Recorder({ highWaterMark: 64 * 1024 });
  writeInTurn(socket, 'a');
  writeInTurn(socket, 'x'.repeat(20_000));
  assert.deepEqual(
    socket.written.map((text) => text.length),
    [1, 20_000],
  );
  writeInTurn(socket, 'b');
  await turn();
  assert.equal(socket.written.at(-1), 'b');
});

test('a socket that was destroyed while its text waited does not keep the others from theirs', async () => {
  const [gone, other] = [new Recorder(), new Recorder()];
  gone.on('error', () => {});
  writeInTurn(gone, 'a');
  writeInTurn(other, 'a');
  gone.destroy();
  await turn();
  assert.deepEqual([gone.written, other.written], [[], ['a']]);
});
