import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { assertLinear } from '../../../test/helpers/count-steps.ts';
import { RequestLines } from './request-lines.ts';

interface Sample {
  readonly bytes: string;
  readonly single: boolean;
}

const single = fc.constantFrom(
  'GET / HTTP/1.1',
  'POST /v1/chat/completions HTTP/1.1',
  'DELETE /a?b=c HTTP/1.0',
);
const loose = fc.constantFrom('GET  / HTTP/1.1', 'POST /  HTTP/1.1', 'GET   /   HTTP/1.1', 'GET / HTTP/1.1 ');
const requestLine = fc.oneof(
  single.map((text) => ({ text, single: true })),
  loose.map((text) => ({ text, single: false })),
);
const fieldLines = fc.array(
  fc.constantFrom(
    'Host: a',
    'X:',
    'Content-Type:  text/plain ',
    'Content-Length-Not: 7',
    `Y: ${'z'.repeat(900)}`,
  ),
  { maxLength: 4 },
);
/** Text that looks like a request of its own, and text that does not. */
const text = fc.constantFrom(
  '',
  'x',
  '\n',
  '\r\n\r\n',
  'GET  / HTTP/1.1\r\n\r\n',
  'GET / HTTP/1.1\r\nX: y\r\n\r\n',
  '0\r\n\r\n',
);
const body = fc.oneof(
  fc.constant({ field: [], bytes: '' }),
  fc
    .tuple(text, fc.constantFrom('Content-Length: ', 'content-length:', 'CONTENT-LENGTH: \t'))
    .map(([bytes, name]) => ({
      field: [`${name}${bytes.length}`],
      bytes,
    })),
  fc.tuple(fc.array(text), fc.constantFrom('', ';a=b', ';  c')).map(([chunks, extension]) => ({
    field: ['Transfer-Encoding: chunked'],
    bytes: `${chunks
      .filter((chunk) => chunk !== '')
      .map((chunk) => `${chunk.length.toString(16)}${extension}\r\n${chunk}\r\n`)
      .join('')}0\r\n`,
  })),
);
const request = fc
  .tuple(
    fc.constantFrom('', '\r\n', '\r\n\r\n'),
    requestLine,
    fieldLines,
    body,
    fc.constantFrom('', 'T: u\r\n'),
  )
  .map(([before, first, others, { field, bytes }, trailer]): Sample => {
    const chunked = field[0]?.startsWith('T') === true;
    const head = `${before}${first.text}\r\n${[...others, ...field].map((line) => `${line}\r\n`).join('')}\r\n`;
    return { bytes: `${head}${bytes}${chunked ? `${trailer}\r\n` : ''}`, single: first.single };
  });

test('each request line is judged, whatever stands between them and however the bytes are cut', () => {
  const property = fc.property(
    fc.array(request, { minLength: 1, maxLength: 6 }),
    fc.array(fc.nat()),
    (all, cuts) => {
      const bytes = Buffer.from(all.map((sample) => sample.bytes).join(''));
      const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
      const lines = new RequestLines();
      let from = 0;
      for (const to of [...places, bytes.length]) {
        lines.read(bytes.subarray(from, to));
        from = to;
      }
      assert.deepEqual(
        all.map(() => lines.take()),
        all.map((sample) => sample.single),
      );
      assert.equal(lines.take(), false, 'no more than there were');
    },
  );
  fc.assert(property, { numRuns: 2_000, interruptAfterTimeLimit: 5_000 });
});

test('the work grows with the bytes, whatever they are', () => {
  const inputs: readonly ((size: number) => string)[] = [
    (size) => ' '.repeat(size),
    (size) => '\n'.repeat(size),
    (size) => `GET / HTTP/1.1\r\n${'a:\r\n'.repeat(size / 4)}`,
    (size) => `GET / HTTP/1.1\r\n${':'.repeat(size)}`,
    (size) => `GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n${'1\r\nx\r\n'.repeat(size / 6)}`,
    (size) => `GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n${'0'.repeat(size)}`,
    (size) => 'GET / HTTP/1.1\r\n\r\n'.repeat(size / 18),
  ];
  for (const input of inputs)
    for (const pieceBytes of [1, 60_000])
      assertLinear(
        JSON.stringify(input(30)),
        (size) => {
          const bytes = Buffer.from(input(size));
          return () => {
            const lines = new RequestLines();
            for (let at = 0; at < bytes.length; at += pieceBytes)
              lines.read(bytes.subarray(at, at + pieceBytes));
          };
        },
        { sizes: [6_000, 60_000], fixed: 5_000, perUnit: 40 },
      );
});
