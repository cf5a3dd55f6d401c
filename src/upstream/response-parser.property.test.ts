/**
 * Compares the response parser with itself and with Node's client: every response, well formed or not, is parsed in the
 * same way however it is cut. Node's client accepts each response that flm accepts, with the same result.
 */
import assert from 'node:assert/strict';
import { type IncomingMessage, request } from 'node:http';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import fc from 'fast-check';
import { moreRuns } from '../../test/helpers/more-runs.ts';
import type { ChunkMap, EngineHead } from '../core/engine/upstream.ts';
import { makeChunkMap } from './chunk-reader.ts';
import { ResponseParser } from './response-parser.ts';

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

// --- readings

interface Reading {
  readonly head: EngineHead | undefined;
  readonly payload: string;
  readonly verdict: string;
  readonly rest: number;
  readonly persistent: boolean;
}

/**
 * Parses bytes that arrive in these pieces, followed by the end of the connection. The connection carried the responses
 * `before` earlier.
 */
function read(
  text: string,
  pieces: readonly number[],
  head: boolean,
  before: readonly string[] = [],
): Reading {
  let engineHead: EngineHead | undefined;
  let body = '';
  const parser = new ResponseParser(
    {
      onHead: (h) => {
        engineHead = h;
        return true;
      },
      onData: (buffer, from, to) => {
        body += buffer.toString('latin1', from, to);
        return true;
      },
      onFramed: (buffer: Buffer, _from: number, _to: number, map: ChunkMap) => {
        for (let i = 0; i < map.count; i++) body += buffer.toString('latin1', map.starts[i], map.ends[i]);
        return true;
      },
    },
    makeChunkMap(),
  );
  for (const earlier of before) {
    parser.reset(false);
    parser.feed(Buffer.from(earlier, 'latin1'), 0, earlier.length);
    assert(parser.done && parser.persistent, 'the connection can carry another response');
  }
  engineHead = undefined;
  body = '';
  parser.reset(head);
  const bytes = Buffer.from(text, 'latin1');
  const borders = [...new Set(pieces.map((p) => p % (bytes.length + 1))), bytes.length].sort((a, b) => a - b);
  let at = 0;
  for (const border of borders) {
    if (parser.done || parser.fault !== undefined) break;
    // A buffer that is not zeroed and not aligned, as shared ones are.
    const shared = Buffer.alloc(border - at + 14, 'Z');
    bytes.copy(shared, 7, at, border);
    at += parser.feed(shared, 7, 7 + border - at) - 7;
  }
  const ended = parser.done || (parser.fault === undefined && parser.endsByClose);
  return {
    head: engineHead,
    payload: body,
    // Which of several faults is found first may depend on the cut; whether there is a fault may not.
    verdict: parser.fault !== undefined ? 'fault' : ended ? 'end' : 'cut',
    rest: ended ? bytes.length - at : 0,
    persistent: parser.persistent,
  };
}

interface NodeReading {
  readonly status: number;
  /** Without `content-length`. */
  readonly fields: readonly string[];
  /** The value of `content-length`. */
  readonly length: string | undefined;
  readonly payload: string;
}

/** Parses the same bytes with Node's client; undefined if it refuses them or finds them incomplete. */
function readByNode(text: string, head: boolean): Promise<NodeReading | undefined> {
  const connection = new Duplex({
    read() {},
    write: (_bytes, _encoding, done) => done(),
  });
  return new Promise((resolve) => {
    const asked = request({ method: head ? 'HEAD' : 'GET', host: 'x', createConnection: () => connection });
    const settle = (reading: NodeReading | undefined): void => {
      connection.destroy();
      asked.destroy();
      resolve(reading);
    };
    asked.on('error', () => settle(undefined));
    asked.on('upgrade', () => settle(undefined));
    let answered = false;
    asked.on('close', () => {
      if (!answered) settle(undefined);
    });
    asked.on('response', (answer: IncomingMessage) => {
      answered = true;
      let body = '';
      answer.setEncoding('latin1');
      answer.on('data', (more: string) => {
        body += more;
      });
      answer.on('error', () => settle(undefined));
      answer.on('close', () => settle(undefined));
      answer.on('end', () => {
        const fields: string[] = [];
        for (let i = 0; i < answer.rawHeaders.length; i += 2) {
          const name = answer.rawHeaders[i]?.toLowerCase() ?? '';
          if (name !== 'content-length') fields.push(name, answer.rawHeaders[i + 1] ?? '');
        }
        const { statusCode = 0, headers } = answer;
        const reading = { status: statusCode, fields, length: headers['content-length'], payload: body };
        settle(answer.complete ? reading : undefined);
      });
    });
    asked.end();
    connection.push(Buffer.from(text, 'latin1'));
    connection.push(null);
  });
}

// --- properties

test('every well-formed answer is taken', () => {
  fc.assert(
    fc.property(wellFormed, (text) => {
      assert.equal(read(text, [], false).verdict, 'end');
    }),
    { numRuns: 250 * moreRuns, ...timeCap },
  );
});

test('an answer is read in the same way however it is cut', () => {
  fc.assert(
    fc.property(anyAnswer, cuts, toHead, (text, pieces, head) => {
      const whole = read(text, [], head);
      assert.deepEqual(read(text, pieces, head), whole);
      const bytewise = Array.from({ length: text.length }, (_, i) => i);
      assert.deepEqual(read(text, bytewise, head), whole);
    }),
    { numRuns: 750 * moreRuns, ...timeCap },
  );
});

test("what is taken is the same answer to Node's own client", async () => {
  let taken = 0;
  await fc.assert(
    fc.asyncProperty(anyAnswer, toHead, async (text, head) => {
      const ours = read(text, [], head);
      if (ours.verdict !== 'end') return;
      taken += 1;
      // Bytes after the response end the connection and do not belong to the response.
      const theirs = await readByNode(text.slice(0, text.length - ours.rest), head);
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
      const fresh = read(next, [], head);
      for (const cut of [[], pieces]) {
        const later = read(next, cut, head, [before, before]);
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
        const reading = read(text, pieces, false);
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
      read(
        text,
        Array.from({ length: text.length }, (_, at) => at),
        false,
      ).verdict,
      'end',
    );
  }
});
