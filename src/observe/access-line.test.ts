import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { sampleLine } from '../../test/helpers/request-samples.ts';
import { endings, type RequestLine } from '../core/proxy/proxy-handle.ts';
import { AccessLines } from './access-line.ts';

const words = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.constant('/v1/models'),
);
const maybe = fc.option(words);
const number = fc.oneof(
  fc.double({ min: 0, max: 1e9, noNaN: true }),
  fc.nat(1e9).map((hundredths) => hundredths / 100),
);
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

/** Lines of few keys, so that prepared texts are used, and have to change. */
const someLines = fc.array(
  fc.record({ line: lines, key: fc.constantFrom('a', 'b', null), like: fc.constantFrom(...varied(), null) }),
  { minLength: 1, maxLength: 8 },
);

/** The fields that have prepared texts. */
function varied(): readonly (keyof RequestLine)[] {
  return ['client', 'method', 'path', 'keyLabel', 'engine', 'model'];
}

function assertSays(text: string, line: RequestLine): void {
  assert.ok(text.endsWith('\n'));
  // Half of a surrogate pair and -0 are no JSON of their own.
  const { level, time, msg, ...fields } = JSON.parse(text);
  assert.deepEqual(fields, JSON.parse(JSON.stringify(line)));
  assert.deepEqual([level, time, msg], ['info', new Date(line.atMs).toISOString(), 'request']);
  assert.doesNotMatch(text.slice(0, -1), /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
}

test('the line says what the request was, every field, whatever stands in it', () => {
  fc.assert(fc.property(lines, (line) => assertSays(new AccessLines().text(line), line)));
});

test('a line says what its own request was, whatever earlier requests of its key were', () => {
  fc.assert(
    fc.property(someLines, (requests) => {
      const writer = new AccessLines();
      let before: RequestLine | undefined;
      for (const { line, key, like } of requests) {
        // Equal to the line before except for one field.
        const next = like === null ? line : { ...(before ?? line), [like]: line[like] };
        before = { ...next, keyId: key };
        assertSays(writer.text(before), before);
      }
    }),
  );
});

test('any number of keys has correct lines', () => {
  const writer = new AccessLines();
  for (let round = 0; round < 2; round++)
    for (let i = 0; i < 2_500; i++) {
      const line = sampleLine({ keyId: `key_${i}`, keyLabel: `label ${i}` });
      assertSays(writer.text(line), line);
    }
});
