import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { RequestLine } from '../core/proxy/proxy-handle.ts';
import { TailHub } from './tail.ts';

const line = (id: number): RequestLine => ({ id: String(id) }) as RequestLine;

test('a reader gets what is published while it reads, in order', async () => {
  const hub = new TailHub();
  const ended = new AbortController();
  hub.publish(line(0));
  const seen: string[] = [];
  const reading = (async () => {
    for await (const { id } of hub.lines(ended.signal)) seen.push(id);
  })();
  await setImmediate();
  hub.publish(line(1));
  hub.publish(line(2));
  await setImmediate();
  hub.publish(line(3));
  await setImmediate();
  ended.abort();
  await reading;
  assert.deepEqual(seen, ['1', '2', '3']);
});

test('a reader that is too slow loses the oldest lines and delays no request', async () => {
  const hub = new TailHub();
  const ended = new AbortController();
  const slow = hub.lines(ended.signal);
  const first = slow.next();
  await setImmediate();
  for (let i = 0; i < 5_000; i++) hub.publish(line(i));
  assert.equal((await first).value?.id, '4000');
  for (let i = 4_001; i < 5_000; i++) assert.equal((await slow.next()).value?.id, String(i));
  const waiting = slow.next();
  ended.abort();
  assert.equal((await waiting).done, true);
});

test('a reader that leaves is forgotten, and others go on', async () => {
  const hub = new TailHub();
  const ended = new AbortController();
  const leaves = hub.lines(ended.signal);
  const stays = hub.lines(ended.signal);
  const firsts = [leaves.next(), stays.next()];
  await setImmediate();
  hub.publish(line(1));
  await Promise.all(firsts);
  await leaves.return(undefined);
  hub.publish(line(2));
  assert.equal((await stays.next()).value?.id, '2');
  assert.equal((await leaves.next()).done, true);
  ended.abort();
});

test('who is aborted before it begins reads nothing', async () => {
  assert.equal((await new TailHub().lines(AbortSignal.abort()).next()).done, true);
});
