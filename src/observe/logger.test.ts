import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RequestLine } from '../core/proxy/proxy-handle.ts';
import { createLogger } from './logger.ts';

const line: RequestLine = {
  id: 'req_1',
  atMs: 0,
  client: '127.0.0.1',
  method: 'POST',
  path: '/v1/chat/completions',
  status: 200,
  keyId: 'key_1',
  keyLabel: 'laptop',
  engine: 'e',
  model: 'm',
  bytesIn: 1,
  bytesOut: 2,
  firstByteMs: 3.25,
  queuedMs: null,
  durationMs: 4.5,
  inputTokens: null,
  outputTokens: null,
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

function logOf(level: 'debug' | 'info' | 'warn' = 'info') {
  const written: string[] = [];
  const log = createLogger({ destination: { write: (text) => void written.push(text) }, level });
  return { log, written };
}

/** Ends of lines as the laxest reader sees them, and what steers a terminal. */
const unsafe = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029]/;
const hostile = 'a\r\nb\u001b[31m\u009b2J\u0085\u2028\u0000"\\';

test('a request is one line of JSON with every field and no other', () => {
  const { log, written } = logOf();
  log.access(line);
  assert.equal(written.length, 1);
  const { time, level, msg, ...fields } = JSON.parse(written[0] ?? '');
  assert.deepEqual(fields, { ...line });
  assert.match(time, /^\d{4}-\d\d-\d\dT/);
  assert.deepEqual([level, msg], ['info', 'request']);
});

test('whatever a client sends, a request is one line that nothing can break out of', () => {
  const { log, written } = logOf();
  log.access({ ...line, path: hostile, model: hostile, keyLabel: hostile, rule: hostile });
  log.event('warn', 'something', { name: hostile, list: [hostile] });
  assert.equal(written.length, 2);
  for (const text of written) {
    assert.equal(text.indexOf('\n'), text.length - 1);
    assert.doesNotMatch(text, unsafe);
  }
  assert.equal(JSON.parse(written[0] ?? '').path, hostile);
});

test('what is below the level is not written', () => {
  const { log, written } = logOf('warn');
  log.access(line);
  log.event('debug', 'x');
  log.event('info', 'x');
  assert.deepEqual(written, []);
  log.event('error', 'x');
  assert.equal(written.length, 1);
});
