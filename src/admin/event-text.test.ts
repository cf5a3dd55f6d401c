import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MovedClock } from '../../test/helpers/moved-clock.ts';
import { AdminError } from '../core/errors.ts';
import { eventText } from './event-text.ts';
import type { AdminEvent } from './operation.ts';

function opened(events: AsyncIterable<AdminEvent>) {
  const clock = new MovedClock();
  const left = new AbortController();
  const errors: unknown[] = [];
  const text = eventText(events, { clock, signal: left.signal, onError: (error) => errors.push(error) });
  return { clock, left, errors, text };
}

async function partsOf(text: AsyncIterable<string>): Promise<readonly string[]> {
  const parts: string[] = [];
  for await (const part of text) parts.push(part);
  return parts;
}

test('events are written with their name and one line of data', async () => {
  async function* events() {
    yield { event: 'changes', data: { text: 'a\nb' } };
  }
  const { text, clock } = opened(events());
  assert.deepEqual(await partsOf(text), ['event: changes\ndata: {"text":"a\\nb"}\n\n']);
  assert.equal(clock.timers, 0);
});

test('a silent stream gets a comment every 15 s, and no event is lost by it', async () => {
  const gate = Promise.withResolvers<void>();
  async function* events() {
    await gate.promise;
    yield { event: 'changes', data: 1 };
  }
  const { text, clock } = opened(events());
  for (let i = 0; i < 2; i++) {
    const part = text.next();
    await clock.move(15_000);
    assert.equal((await part).value, ':\n\n');
  }
  gate.resolve();
  assert.equal((await text.next()).value, 'event: changes\ndata: 1\n\n');
  assert.equal((await text.next()).done, true);
});

test('an error ends the stream with an event, without a cause', async () => {
  async function* failing(error: Error): AsyncGenerator<AdminEvent> {
    yield { event: 'changes', data: 1 };
    throw error;
  }
  const known = opened(failing(new AdminError('REQUEST_NOT_RUNNING', { params: { id: 'x' } })));
  assert.match((await partsOf(known.text))[1] ?? '', /^event: error\ndata: .*"REQUEST_NOT_RUNNING"/);
  assert.deepEqual(known.errors, []);
  const bug = opened(failing(new Error('a secret cause')));
  const told = (await partsOf(bug.text))[1] ?? '';
  assert.match(told, /"INTERNAL"/);
  assert.doesNotMatch(told, /secret/);
  assert.equal(bug.errors.length, 1);
});

test('the source is ended when the client leaves', async () => {
  let ended = false;
  const { text, left } = opened({
    async *[Symbol.asyncIterator]() {
      try {
        yield { event: 'changes', data: 1 };
        await new Promise((_resolve, reject) =>
          left.signal.addEventListener('abort', () => reject(new Error('left'))),
        );
      } finally {
        ended = true;
      }
    },
  });
  await text.next();
  const last = text.next();
  left.abort();
  assert.equal((await last).done, true);
  assert.equal(ended, true);
});
