import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RequestLine } from '../../core/proxy/proxy-handle.ts';
import { textWidth } from '../terminal/layout.ts';
import { requestDocument, requestHead, requestText, tailColumns } from './request-view.ts';

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
  cachedTokens: null,
  promptTokens: null,
  chargedInputTokens: 0,
  chargedOutputTokens: 0,
  tokensEstimated: false,
  streamed: true,
  ending: 'done',
  code: null,
  rule: null,
  droppedCredentials: null,
};
const screen = { paint: (_style: unknown, text: string) => text, outIsTerminal: true, tableColumns: 200 };
const file = { ...screen, outIsTerminal: false, tableColumns: Number.POSITIVE_INFINITY };
const wide = tailColumns(200);
const shown = (line: RequestLine): string => requestText(line, wide, screen);

test('a request is one line in columns below their names', () => {
  const line = shown(done);
  const head = requestHead(wide);

  for (const [name, value] of [
    ['KEY', 'laptop'],
    ['CLIENT', '127.0.0.1'],
    ['MODEL', 'qwen3'],
    ['ENGINE', 'ollama'],
    ['STATUS', '200'],
    ['ENDING', 'done'],
  ] as const)
    assert.ok(line.startsWith(value, head.indexOf(name)), `${name}\n${head}\n${line}`);
  for (const [name, value] of [
    ['FIRST', '500 ms'],
    ['TOK/S', '50'],
    ['TOOK', '2.5 s'],
  ] as const)
    assert.ok(line.slice(0, head.indexOf(name) + name.length).endsWith(value), `${name}\n${head}\n${line}`);
  assert.match(line, /^200 {5}\d\d:\d\d:\d\d {2}/);
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

  assert.match(shown(refused), /^401 .* POST \/v1\/chat\/completions .* {2}refused AUTH_MISSING \(no key\)$/);
});

test('an ending that is not well names its code', () => {
  const cut: RequestLine = { ...done, ending: 'engine-broke', code: 'ENGINE_CUT' };
  assert.match(shown(cut), /2\.5 s {2}engine-broke ENGINE_CUT$/);
});

test('a request that waited for an engine says for how long', () => {
  assert.match(shown({ ...done, queuedMs: 1_240 }), /2\.5 s {2}done, 1\.2 s in the queue$/);
  const vain: RequestLine = { ...done, ending: 'refused', code: 'QUEUE_FULL', rule: 'maxQueueWaitMs' };
  assert.match(
    shown({ ...vain, queuedMs: 120_000 }),
    /refused QUEUE_FULL \(maxQueueWaitMs\), 2 min in the queue$/,
  );
});

test('tokens a second count from the first byte of a stream, and over all of it without one', () => {
  assert.equal(requestDocument(done, 'px_1').tokensPerSecond, 50);
  assert.equal(requestDocument({ ...done, streamed: false }, 'px_1').tokensPerSecond, 40);
  assert.equal(requestDocument({ ...done, outputTokens: null }, 'px_1').tokensPerSecond, null);
  assert.equal(requestDocument({ ...done, firstByteMs: 2_500 }, 'px_1').tokensPerSecond, null);
});

test('names that could steer the terminal are shown', () => {
  const line = shown({ ...done, keyLabel: 'a\x1b[2J', model: 'm\nx', path: '/\x07' });
  assert.doesNotMatch(line, /[\x00-\x1f]/);
});

test('columns keep their place at every width, whatever the values; a file gets whole values', () => {
  const long = {
    ...done,
    keyLabel: '研究室のノートパソコン 2',
    model: 'Qwen3-Coder-480B-A35B-Instruct-FP8-long',
  };
  for (const width of [60, 80, 100, 120, 200]) {
    const columns = tailColumns(width);
    const end = textWidth(requestHead(columns)) - 'ENDING'.length;
    assert.ok(end + 'done'.length <= width, `${width}`);
    for (const line of [done, long]) {
      const text = requestText(line, columns, { ...screen, tableColumns: width });
      assert.equal(textWidth(text), end + 'done'.length, `${width}: ${text}`);
    }
  }
  const refused: RequestLine = { ...done, ending: 'refused', code: 'AUTH_MISSING', rule: 'auth' };
  assert.match(
    requestText(refused, tailColumns(60), { ...screen, tableColumns: 60 }),
    /2\.5 s\n {8}refused AUTH_MISSING \(auth\)$/,
  );
  const whole = requestText(long, tailColumns(Number.POSITIVE_INFINITY), file);
  assert.ok(whole.includes(long.keyLabel) && whole.includes(long.model), whole);
});
