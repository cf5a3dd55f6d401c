import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RequestLine } from '../../core/proxy/proxy-handle.ts';
import { requestDocument, requestHead, requestText } from './request-view.ts';

const done: RequestLine = {
  id: 'req_1',
  atMs: Date.UTC(2026, 10, 25, 12, 0, 0),
  client: '127.0.0.1',
  method: 'POST',
  path: '/v1/chat/completions',
  status: 200,
  keyId: 'key_1',
  keyLabel: 'laptop',
  engine: 'ollama',
  model: 'qwen3',
  bytesIn: 10,
  bytesOut: 20,
  queuedMs: null,
  firstByteMs: 500,
  durationMs: 2_500,
  inputTokens: 3,
  outputTokens: 100,
  chargedInputTokens: 0,
  chargedOutputTokens: 0,
  tokensEstimated: false,
  streamed: true,
  ending: 'done',
  code: null,
  rule: null,
  droppedCredentials: null,
};
const plain = { paint: (_style: unknown, text: string) => text };

test('a request is one line in columns below their names', () => {
  const line = requestText(done, plain);

  for (const [name, value] of [
    ['KEY', 'laptop'],
    ['CLIENT', '127.0.0.1'],
    ['MODEL', 'qwen3'],
    ['ENGINE', 'ollama'],
    ['FIRST', '500 ms'],
    ['TOKENS/S', '50'],
    ['STATUS', '200'],
    ['ENDING', 'done after 2.5 s'],
  ] as const)
    assert.ok(line.startsWith(value, requestHead.indexOf(name)), `${name}\n${requestHead}\n${line}`);
  assert.match(line, /^\d\d:\d\d:\d\d {2}/);
});

test('a refusal names the code and the rule that decided', () => {
  const refused: RequestLine = {
    ...done,
    status: 401,
    keyId: null,
    keyLabel: null,
    engine: null,
    model: null,
    firstByteMs: null,
    outputTokens: null,
    ending: 'refused',
    code: 'AUTH_MISSING',
    rule: 'no key',
  };

  assert.match(
    requestText(refused, plain),
    /POST \/v1\/chat\/completions .* 401 +refused AUTH_MISSING \(no key\)$/,
  );
});

test('an ending that is not well names its code', () => {
  const cut: RequestLine = { ...done, ending: 'engine-broke', code: 'ENGINE_CUT' };
  assert.match(requestText(cut, plain), /engine-broke ENGINE_CUT after 2\.5 s$/);
});

test('a request that waited for an engine says for how long', () => {
  assert.match(requestText({ ...done, queuedMs: 1_240 }, plain), /done after 2\.5 s, 1\.2 s in the queue$/);
  const vain: RequestLine = { ...done, ending: 'refused', code: 'QUEUE_FULL', rule: 'maxQueueWaitMs' };
  assert.match(
    requestText({ ...vain, queuedMs: 120_000 }, plain),
    /refused QUEUE_FULL \(maxQueueWaitMs\), 120\.0 s in the queue$/,
  );
});

test('tokens a second count from the first byte of a stream, and over all of it without one', () => {
  assert.equal(requestDocument(done, 'px_1').tokensPerSecond, 50);
  assert.equal(requestDocument({ ...done, streamed: false }, 'px_1').tokensPerSecond, 40);
  assert.equal(requestDocument({ ...done, outputTokens: null }, 'px_1').tokensPerSecond, null);
  assert.equal(requestDocument({ ...done, firstByteMs: 2_500 }, 'px_1').tokensPerSecond, null);
});

test('names that could steer the terminal are shown', () => {
  const line = requestText({ ...done, keyLabel: 'a\x1b[2J', model: 'm\nx', path: '/\x07' }, plain);
  assert.doesNotMatch(line, /[\x00-\x1f]/);
});
