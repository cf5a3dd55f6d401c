import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseProxyConfig } from './proxy-config.ts';
import { isForwardable, passingHeaders } from './request-headers.ts';

test('an operator can let additional headers pass', () => {
  for (const name of [
    'x-tenant',
    'x_tenant',
    'x-trace.id',
    'x-cache-key',
    'x-priority',
    'my-header',
    '7',
    ...passingHeaders,
  ])
    assert.ok(isForwardable(name), name);
});

test('what carries secrets, says where a request goes or how it is framed cannot be added, however it is spelled', () => {
  const never = [
    ...[
      'authorization',
      'x-api-key',
      'api-key',
      'x-goog-api-key',
      'x_api_key',
      'apikey',
      'x-auth-token',
      'x-amz-security-token',
    ],
    ...['private-token', 'proxy-authorization', 'cookie', 'set-cookie', 'cookie2', 'x-client-secret'],
    ...[
      'host',
      'origin',
      'referer',
      'content-length',
      'content_length',
      'transfer-encoding',
      'transfer_encoding',
      'content-encoding',
    ],
    ...[
      'connection',
      'keep-alive',
      'proxy-connection',
      'te',
      'trailer',
      'upgrade',
      'http2-settings',
      'expect',
    ],
    ...[
      'forwarded',
      'via',
      'x-forwarded-for',
      'x_forwarded_for',
      'x-forwarded-proto',
      'x-real-ip',
      'x-original-url',
      'x-rewrite-url',
    ],
    ...[
      'x-http-method-override',
      'x-conversation-id',
      'x_conversation_id',
      'access-control-request-method',
      'sec-websocket-key',
    ],
    ...['user-agent', 'accept-encoding', 'content-type', 'x-request-id', 'traceparent'],
    ...['', '-x', 'a b', 'a:b', 'a\r\nb', 'x'.repeat(64), '*', 'ä'],
  ];
  for (const name of never) assert.ok(!isForwardable(name), name);
});

test('a configuration takes at most 32 names in any case, and names each that it does not take', () => {
  assert.deepEqual(parseProxyConfig({ forwardHeaders: ['X-Tenant'] }).forwardHeaders, ['x-tenant']);
  const many = (count: number): string[] => Array.from({ length: count }, (_, i) => `x-${i}`);
  assert.equal(parseProxyConfig({ forwardHeaders: many(32) }).forwardHeaders.length, 32);
  assert.throws(() => parseProxyConfig({ forwardHeaders: many(33) }), /forwardHeaders/);
  assert.throws(
    () => parseProxyConfig({ forwardHeaders: ['x-ok', 'Authorization', 'Cookie'] }),
    (error: unknown) => {
      const fields = (error as { faults: { field: string }[] }).faults.map((fault) => fault.field);
      assert.deepEqual(fields, ['forwardHeaders.1', 'forwardHeaders.2']);
      return true;
    },
  );
});
