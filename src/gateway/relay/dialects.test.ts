import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dialects } from '../../core/engine/routes.ts';
import { type ErrorCode, errorTable } from '../../core/errors.ts';
import { errorEnvelope, errorEvent, heartbeat } from './dialects.ts';

const codes = Object.keys(errorTable) as ErrorCode[];
const hostile = 'a "quoted"\r\n\r\ndata: [DONE]\n\nname \u2028\u0085 é😀';

test('the envelope of every code and dialect is JSON that says the message and the request id', () => {
  for (const dialect of dialects) {
    for (const code of codes) {
      const body = JSON.parse(errorEnvelope(dialect, code, hostile, 'req_1'));
      const said = typeof body.error === 'string' ? body.error : body.error.message;
      assert.equal(said, hostile);
      assert.equal(body.request_id, 'req_1');
    }
  }
});

test("OpenAI's envelope has its four members, and the code that SDK users switch on", () => {
  assert.deepEqual(JSON.parse(errorEnvelope('openai', 'MODEL_UNKNOWN', 'x', 'r')).error, {
    message: 'x',
    type: 'invalid_request_error',
    code: 'model_not_found',
    param: null,
  });
  const types = (
    ['AUTH_MISSING', 'MODEL_DENIED', 'RATE_LIMITED', 'ENGINE_DOWN', 'ENGINE_RESET'] as const
  ).map((code) => JSON.parse(errorEnvelope('openai', code, 'x', 'r')).error.type);
  assert.deepEqual(types, [
    'authentication_error',
    'permission_error',
    'rate_limit_error',
    'service_unavailable_error',
    'server_error',
  ]);
});

test("Anthropic's envelope has its types", () => {
  const type = (code: ErrorCode): string => JSON.parse(errorEnvelope('anthropic', code, 'x', 'r')).error.type;
  const expected: Readonly<Partial<Record<ErrorCode, string>>> = {
    BODY_INVALID: 'invalid_request_error',
    AUTH_MISSING: 'authentication_error',
    MODEL_DENIED: 'permission_error',
    MODEL_UNKNOWN: 'not_found_error',
    BODY_TOO_LARGE: 'request_too_large',
    RATE_LIMITED: 'rate_limit_error',
    ENGINE_DOWN: 'overloaded_error',
    ENGINE_TIMEOUT: 'timeout_error',
    ENGINE_RESET: 'api_error',
  };
  for (const [code, wanted] of Object.entries(expected)) assert.equal(type(code as ErrorCode), wanted);
  assert.equal(JSON.parse(errorEnvelope('anthropic', 'INTERNAL', 'x', 'r')).type, 'error');
});

test('an error event is one event, whatever its message holds, and never a terminal mark', () => {
  for (const dialect of dialects) {
    for (const framing of ['sse', 'ndjson'] as const) {
      const text = errorEvent(dialect, framing, 'ENGINE_CUT', hostile, 'req_1');
      if (framing === 'ndjson') {
        assert.equal(text.indexOf('\n'), text.length - 1);
        assert.equal(JSON.parse(text).error, hostile);
        continue;
      }
      assert.equal(text.indexOf('\n\n'), text.length - 2);
      assert.doesNotMatch(text, /[\u0085\u2028]/, 'no reader sees another line end');
      assert.doesNotMatch(text, /\r|^(?:id|retry):|^data: \[DONE\]/m);
      const [, data = ''] = /^data: (.*)$/m.exec(text) ?? [];
      assert.ok(JSON.stringify(JSON.parse(data)).includes('quoted'));
    }
  }
});

test('the kind of an error event stands in its own line where the dialect wants it', () => {
  assert.match(
    errorEvent('anthropic', 'sse', 'ENGINE_CUT', 'x', 'r'),
    /^event: error\ndata: \{"type":"error"/,
  );
  assert.match(
    errorEvent('responses', 'sse', 'ENGINE_CUT', 'x', 'r'),
    /^event: response\.failed\ndata: \{"type":"response\.failed"/,
  );
  assert.match(errorEvent('openai', 'sse', 'ENGINE_CUT', 'x', 'r'), /^data: \{"error":\{/);
});

test('a heartbeat is an event of its own, and none of a stream of lines', () => {
  assert.equal(heartbeat('openai', 'sse'), ':hb\n\n');
  assert.equal(heartbeat('responses', 'sse'), ':hb\n\n');
  assert.equal(heartbeat('anthropic', 'sse'), 'event: ping\ndata: {"type":"ping"}\n\n');
  assert.equal(heartbeat('ollama', 'ndjson'), undefined);
});
