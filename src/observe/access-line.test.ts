import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { endings, type RequestLine } from '../core/proxy/proxy-handle.ts';
import { accessLine } from './access-line.ts';

const words = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.constant('/v1/models'),
);
const maybe = fc.option(words);
const number = fc.double({ min: 0, max: 1e9, noNaN: true });
const maybeNumber = fc.option(number);

const lines: fc.Arbitrary<RequestLine> = fc.record({
  id: words,
  atMs: fc.nat(2_000_000_000_000),
  client: words,
  method: words,
  path: words,
  status: fc.integer({ min: 100, max: 599 }),
  keyId: maybe,
  keyLabel: maybe,
  engine: maybe,
  model: maybe,
  bytesIn: fc.nat(),
  bytesOut: fc.nat(),
  firstByteMs: maybeNumber,
  queuedMs: maybeNumber,
  durationMs: number,
  inputTokens: maybeNumber,
  outputTokens: maybeNumber,
  cachedTokens: maybeNumber,
  promptTokens: maybeNumber,
  chargedInputTokens: fc.nat(),
  chargedOutputTokens: fc.nat(),
  tokensEstimated: fc.boolean(),
  streamed: fc.boolean(),
  ending: fc.constantFrom(...endings),
  code: maybe,
  rule: maybe,
  droppedCredentials: maybe,
});

test('the line says what the request was, every field, whatever stands in it', () => {
  fc.assert(
    fc.property(lines, (line) => {
      const text = accessLine(line);
      assert.ok(text.endsWith('\n'));
      // Half of a surrogate pair and -0 are no JSON of their own.
      const { level, time, msg, ...fields } = JSON.parse(text);
      assert.deepEqual(fields, JSON.parse(JSON.stringify(line)));
      assert.deepEqual([level, time, msg], ['info', new Date(line.atMs).toISOString(), 'request']);
      assert.doesNotMatch(text.slice(0, -1), /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
    }),
  );
});
