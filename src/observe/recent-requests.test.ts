import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sampleLine } from '../../test/helpers/request-samples.ts';
import { RecentRequests } from './recent-requests.ts';

function noted(recent: RecentRequests, keyId: string | null, ...ids: readonly string[]): void {
  for (const id of ids) recent.note(sampleLine({ id, keyId, atMs: Number(id) }));
}

const idsOf = (recent: RecentRequests, keyId?: string) => recent.list(keyId).map(({ id }) => id);

test('the last requests of a key are kept, newest first, and older ones make room', () => {
  const recent = new RecentRequests({ ofKey: 3, ofAll: 100 });
  noted(recent, 'a', '1', '2');
  assert.deepEqual(idsOf(recent, 'a'), ['2', '1']);
  noted(recent, 'a', '3', '4', '5');
  noted(recent, 'b', '6');
  assert.deepEqual(idsOf(recent, 'a'), ['5', '4', '3']);
  noted(recent, 'a', '7');
  assert.deepEqual(idsOf(recent, 'a'), ['7', '5', '4']);
  assert.deepEqual(idsOf(recent), ['7', '6', '5']);
  assert.deepEqual(idsOf(recent, 'c'), []);
});

test('the key that was used least recently makes room for others', () => {
  const recent = new RecentRequests({ ofKey: 3, ofAll: 5 });
  noted(recent, 'a', '1', '2');
  noted(recent, 'b', '3', '4');
  noted(recent, 'a', '5');
  noted(recent, 'c', '6');
  assert.deepEqual(idsOf(recent, 'b'), []);
  assert.deepEqual(idsOf(recent, 'a'), ['5', '2', '1']);
  noted(recent, 'b', '7', '8');
  assert.deepEqual(idsOf(recent, 'a'), []);
  assert.deepEqual(idsOf(recent), ['8', '7', '6']);
});

test('requests without a key are not kept', () => {
  const recent = new RecentRequests();
  noted(recent, null, '1');
  assert.deepEqual(recent.list(), []);
});

test('what is kept does not hold the head that its texts were cut from', () => {
  const recent = new RecentRequests();
  const head = `POST /v1/chat/completions HTTP/1.1 ${'secret'.repeat(50)}`;
  const path = head.slice(5, 25);
  for (const id of ['1', '2']) recent.note(sampleLine({ id, keyId: 'a', path, model: head.slice(5, 30) }));
  const [second, first] = recent.list('a');
  assert.deepEqual([first?.path, first?.model], [path, head.slice(5, 30)]);
  assert.deepEqual(second?.path, path);
});

test('a request comes back as it was noted', () => {
  const recent = new RecentRequests();
  const lines = [
    sampleLine({ keyId: 'a', id: 'req_4fGh2kQz1a2b', model: 'naïve 😀', firstByteMs: 3.25, streamed: false }),
    sampleLine({
      keyId: 'a',
      keyLabel: null,
      engine: null,
      model: null,
      firstByteMs: null,
      queuedMs: 7,
      inputTokens: null,
      outputTokens: null,
      cachedTokens: 0,
      promptTokens: 9,
      tokensEstimated: true,
      ending: 'refused',
      code: 'MODEL_DENIED',
      rule: 'models of the key',
      droppedCredentials: 'api-key',
    }),
  ];
  for (let i = 0; i < 300; i++) recent.note(sampleLine({ keyId: 'a' }));
  for (const line of lines) recent.note(line);
  assert.deepEqual(recent.list('a').slice(0, 2), lines.toReversed());
  assert.equal(recent.list('a').length, 200);
});
