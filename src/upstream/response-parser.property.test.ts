/**
 * Compares the response parser with itself and with Node's client: every response, well formed or not, is parsed in the
 * same way however it is cut. Node's client accepts each response that flm accepts, with the same result.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { moreRuns } from '../../test/helpers/more-runs.ts';
import { readResponse, readResponseByNode } from '../../test/helpers/response-readings.ts';

const timeCap = { interruptAfterTimeLimit: 10_000 * moreRuns, markInterruptAsFailure: false } as const;

// --- answers

const token = fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,11}$/).map((name) => `X-${name}`);
const value = fc.stringMatching(/^[!-~]([ -~\t]{0,20}[!-~])?$/);
const otherField = fc
  .tuple(token, fc.constantFrom(': ', ':', ':  \t'), value)
  .map((parts) => `${parts.join('')}\r\n`);
const otherFields = fc.array(otherField, { maxLength: 4 }).map((fields) => fields.join(''));
const payload = fc.string({
  unit: fc.integer({ min: 0, max: 255 }).map((b) => String.fromCharCode(b)),
  maxLength: 60,
});
const reason = fc.constantFrom('', ' ', ' OK', ' Not Quite Right');
const status = fc.constantFrom(200, 200, 201, 204, 304, 400, 404, 500, 503, 599);

const chunks = fc.array(fc.tuple(payload, fc.nat(3), fc.boolean()), { maxLength: 6 }).map((parts) =>
  parts
    .filter(([bytes]) => bytes !== '')
    .map(([bytes, zeros, upper]) => {
      const size = '0'.repeat(zeros) + bytes.length.toString(16);
      return `${upper ? size.toUpperCase() : size}\r\n${bytes}\r\n`;
    })
    .join(''),
);
const trailers = fc.oneof({ weight: 3, arbitrary: fc.constant('') }, otherFields);

const framedBody = fc.oneof(
  payload.map((bytes) => ({ field: `Content-Length: ${bytes.length}\r\n`, body: bytes })),
  fc
    .tuple(chunks, trailers)
    .map(([all, end]) => ({ field: 'Transfer-Encoding: chunked\r\n', body: `${all}0\r\n${end}\r\n` })),
  payload.map((bytes) => ({ field: '', body: bytes })),
);
const interim = fc
  .array(
    otherFields.map((fields) => `HTTP/1.1 103 Early Hints\r\n${fields}\r\n`),
    { maxLength: 2 },
  )
  .map((all) => all.join(''));

const wellFormed = fc
  .tuple(interim, status, reason, otherFields, framedBody, otherFields)
  .map(
    ([hints, code, why, first, { field, body }, second]) =>
      `${hints}HTTP/1.1 ${code}${why}\r\n${first}${field}${second}\r\n${body}`,
  );

/** Bytes that parsers are known to read in different ways. */
const tricky = fc.constantFrom(
  '\r',
  '\n',
  '\r\n',
  '\0',
  '\x0b',
  ' ',
  '\t',
  ':',
  ';',
  ',',
  '0',
  '1',
  'a',
  'f',
  '+',
  '-',
  '0x',
  '\x7f',
  '\xff',
  'Content-Length: 3\r\n',
  'Transfer-Encoding: chunked\r\n',
  'chunked',
  'identity',
  'Connection: close\r\n',
  '\r\n\r\n',
  'HTTP/1.0',
  'HTTP/1.1 ',
  '100',
  '204',
  '304',
);
const mutation = fc.record({
  at: fc.nat(1_000),
  removed: fc.nat(3),
  added: fc.oneof(tricky, fc.constant('')),
});
const anyAnswer = fc.tuple(wellFormed, fc.array(mutation, { maxLength: 3 })).map(([answer, mutations]) => {
  let text = answer;
  for (const { at, removed, added } of mutations) {
    const where = at % (text.length + 1);
    text = text.slice(0, where) + added + text.slice(where + removed);
  }
  return text;
});
const cuts = fc.array(fc.nat(1_000), { maxLength: 8 });
const toHead = fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, fc.constant(true));

// --- properties

test('every well-formed answer is taken', () => {
  fc.assert(
    fc.property(wellFormed, (text) => {
      assert.equal(readResponse(text, [], false).verdict, 'end');
    }),
    { numRuns: 250 * moreRuns, ...timeCap },
  );
});

test('an answer is read in the same way however it is cut', () => {
  fc.assert(
    fc.property(anyAnswer, cuts, toHead, (text, pieces, head) => {
      const whole = readResponse(text, [], head);
      assert.deepEqual(readResponse(text, pieces, head), whole);
      const bytewise = Array.from({ length: text.length }, (_, i) => i);
      assert.deepEqual(readResponse(text, bytewise, head), whole);
    }),
    { numRuns: 750 * moreRuns, ...timeCap },
  );
});

test("what is taken is the same answer to Node's own client", async () => {
  let taken = 0;
  await fc.assert(
    fc.asyncProperty(anyAnswer, toHead, async (text, head) => {
      const ours = readResponse(text, [], head);
      if (ours.verdict !== 'end') return;
      taken += 1;
      // Bytes after the response end the connection and do not belong to the response.
      const theirs = await readResponseByNode(text.slice(0, text.length - ours.rest), head);
      const { status: code, fields, framing, contentLength } = ours.head ?? {};
      const { length, ...rest } = theirs ?? {};
      assert.deepEqual(rest, { status: code, fields, payload: ours.payload });
      if (framing === 'length') assert.equal(contentLength, Number(length));
    }),
    { numRuns: 750 * moreRuns, ...timeCap },
  );
  assert(taken > 300, `only ${taken} were taken`);
});

/** A response with a head that its connection may remember. */
const memorable = fc
  .tuple(
    fc.constantFrom(200, 200, 404, 503),
    fc.array(
      fc.constantFrom<string>(
        'Content-Type: application/json\r\n',
        'content-type:text/event-stream; charset=utf-8\r\n',
        'Date: Thu, 27 Nov 2026 08:00:00 GMT\r\n',
        'Server: llama.cpp\r\n',
        'Keep-Alive: timeout=5, max=100\r\n',
        'Vary: \r\n',
      ),
      { maxLength: 4 },
    ),
    fc.nat(4),
    fc.oneof(
      payload.map((bytes) => [
        `Content-Length:${bytes.length % 2 === 0 ? ' ' : ''}${bytes.length}\r\n`,
        bytes,
      ]),
      chunks.map((all) => ['Transfer-Encoding: chunked\r\n', `${all}0\r\n\r\n`]),
    ),
  )
  .map(([code, fields, at, [framing = '', body = '']]) => {
    const all = fields.toSpliced(at, 0, framing);
    return { head: `HTTP/1.1 ${code} OK\r\n${all.join('')}\r\n`, body };
  });

/** The head again, with another length, another second, or mutated bytes; and any body. */
const nearlyTheSame = fc
  .tuple(memorable, fc.array(mutation, { maxLength: 2 }), fc.nat(120), fc.nat(2), payload)
  .map(([{ head, body }, mutations, length, kind, bytes]) => {
    let next = head;
    if (kind === 0) next = next.replace(/(content-length: ?)\d+/i, (_, name: string) => `${name}${length}`);
    if (kind === 1) next = next.replace('08:00:00', '08:00:01');
    for (const { at, removed, added } of mutations) {
      const where = at % (next.length + 1);
      next = next.slice(0, where) + added + next.slice(where + removed);
    }
    return { before: head + body, next: next + (length % 2 === 0 ? body : bytes.repeat(3)) };
  });

test('a response is read in the same way whatever head its connection remembers', () => {
  let repeated = 0;
  fc.assert(
    fc.property(nearlyTheSame, cuts, toHead, ({ before, next }, pieces, head) => {
      const fresh = readResponse(next, [], head);
      for (const cut of [[], pieces]) {
        const later = readResponse(next, cut, head, [before, before]);
        if (later.head?.repeated === true) repeated += 1;
        const { repeated: _, ...laterHead } = later.head ?? {};
        const { repeated: __, ...freshHead } = fresh.head ?? {};
        assert.deepEqual({ ...later, head: laterHead }, { ...fresh, head: freshHead });
      }
    }),
    { numRuns: 1_500 * moreRuns, ...timeCap },
  );
  assert(repeated > 200, `only ${repeated} heads were repeated`);
});

test('a body of any bytes and chunk sizes comes out as it went in', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 400 }), { maxLength: 40 }),
      cuts,
      (parts, pieces) => {
        const all = parts.map((p) => Buffer.from(p).toString('latin1'));
        const text = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${all.map((p) => `${p.length.toString(16)}\r\n${p}\r\n`).join('')}0\r\n\r\n`;
        const reading = readResponse(text, pieces, false);
        assert.equal(reading.payload, all.join(''));
        assert.equal(reading.verdict, 'end');
        assert.equal(reading.persistent, true);
      },
    ),
    { numRuns: 125 * moreRuns, ...timeCap },
  );
});

test('a large head that comes byte by byte is read', () => {
  const text = `HTTP/1.1 200 OK\r\nA: ${' '.repeat(16_000)}b\r\nContent-Length: 0\r\n\r\n`;
  for (let i = 0; i < 20; i++) {
    assert.equal(
      readResponse(
        text,
        Array.from({ length: text.length }, (_, at) => at),
        false,
      ).verdict,
      'end',
    );
  }
});
