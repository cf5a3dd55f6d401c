import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EngineHead } from '../../core/engine/upstream.ts';
import { readHead, stackedCodings } from './response-head.ts';

function head(...fields: readonly string[]): EngineHead {
  return { status: 200, fields, framing: 'length', contentLength: 0 };
}

test('of the fields those on the list pass, as they came', () => {
  const { fields } = readHead(
    head(
      'server',
      'x',
      'content-type',
      'a/b; c=d',
      'set-cookie',
      'a',
      'retry-after',
      '7',
      'content-length',
      '3',
    ),
  );
  assert.equal(fields, 'content-type: a/b; c=d\r\nretry-after: 7\r\n');
});

test('the content type says whether events come, however it is written', () => {
  const events = (type: string): string | undefined => readHead(head('content-type', type)).events;
  for (const type of ['text/event-stream', 'text/event-stream; charset=utf-8', 'Text/Event-Stream'])
    assert.equal(events(type), 'sse');
  for (const type of ['application/x-ndjson', 'Application/X-NDJSON;charset=utf-8'])
    assert.equal(events(type), 'ndjson');
  for (const type of ['', 'application/json', 'x-text/event-stream', 'text/html'])
    assert.equal(events(type), undefined);
  assert.equal(readHead(head()).events, undefined);
});

test('two codings are distinguished from one, in one field or in two', () => {
  assert.equal(readHead(head('content-encoding', 'gzip')).contentEncoding, 'gzip');
  assert.equal(stackedCodings(readHead(head('content-encoding', 'gzip')).contentEncoding), false);
  assert.equal(stackedCodings(readHead(head('content-encoding', 'gzip,gzip')).contentEncoding), true);
  assert.equal(
    stackedCodings(readHead(head('content-encoding', 'gzip', 'content-encoding', 'br')).contentEncoding),
    true,
  );
  assert.equal(stackedCodings(readHead(head()).contentEncoding), false);
});
