/** A log whose reader stalls uses bounded memory and reports how many lines were lost. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { MovedClock } from '../../test/helpers/moved-clock.ts';
import { LogStream } from './log-stream.ts';

const clock = new MovedClock();
const text = (i: number): string => `${JSON.stringify({ i, pad: 'ü'.repeat(200) })}\n`;

function make(closeMs = 5_000) {
  const stream = new PassThrough({ writableHighWaterMark: 100, readableHighWaterMark: 100 });
  const log = new LogStream({ stream, clock, maxWaitingBytes: 20_000, closeMs });
  return { stream, log };
}

test('lines that do not fit are dropped and counted, and once the reader reads again a line says how many', async () => {
  const { stream, log } = make();
  for (let i = 0; i < 10_000; i++) log.write(text(i));
  assert.ok(stream.writableLength <= 20_000, `${stream.writableLength} bytes wait`);

  let read = '';
  stream.setEncoding('utf8').on('data', (piece: string) => (read += piece));
  await once(stream, 'drain');
  log.write(text(10_000));
  assert.equal(await log.close(), true);
  stream.end();
  await once(stream, 'end');

  const lines = read
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  const notices = lines.filter(({ msg }) => /lines of the log were lost: the reader/.test(String(msg)));
  assert.equal(notices.length, 1);
  assert.equal(lines.length - 1 + notices[0].lost, 10_001);
  assert.equal(log.lostLines, notices[0].lost);
  assert.equal(lines.at(-1).i, 10_000);
});

test('a reader that takes nothing is given up when the time for the end is over', async () => {
  const { stream, log } = make(20);
  for (let i = 0; i < 10; i++) log.write(text(i));
  assert.equal(await log.close(), false);
  const waiting = stream.writableLength;
  log.write(text(11));
  assert.equal(stream.writableLength, waiting, 'it takes nothing more');
  stream.destroy();
});

test('a reader that went away costs lines, which are counted, and nothing else', async () => {
  const { stream, log } = make();
  stream.on('error', () => {});
  stream.destroy();
  await once(stream, 'close');
  log.write(text(1));
  log.write(text(2));
  assert.equal(log.lostLines, 2);
  assert.equal(await log.close(), true);
});
