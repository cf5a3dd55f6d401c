/**
 * Heads on one connection, repeated and slightly changed: whether a head is parsed or remembered, it is read as llhttp
 * reads it, and as a parser without a memory reads it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readWithLlhttp } from '../../../test/helpers/llhttp.ts';
import { moreRuns } from '../../../test/helpers/more-runs.ts';
import { type HeaderName, RequestHeaders } from '../request-headers.ts';
import { type Route, routes } from '../routes.ts';
import { hidesWhatFollows } from '../upgrade.ts';
import { readFastPathHead } from './fast-path-head.ts';
import { HeadMemory } from './head-memory.ts';

const maxBytes = 16 * 1024;
const route = routes[0] as Route;
const kept: readonly HeaderName[] = [
  'host',
  'content-type',
  'connection',
  'accept',
  'x-forwarded-for',
  'upgrade',
];

const lengths = fc.oneof(
  { weight: 8, arbitrary: fc.nat(2_000).map(String) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('', '05', '1x', '+5', '5,5', '5 5', '99999999999999999', '5\r\nX: y'),
  },
);
const lines = fc.constantFrom(
  'Host: localhost\r\n',
  'Authorization: Bearer flm_a\r\n',
  'Content-Type: application/json\r\n',
  'Accept: */*\r\n',
  'X-Forwarded-For: 192.0.2.1\r\n',
  'Connection: keep-alive\r\n',
  'Connection: Upgrade\r\nUpgrade: h2c\r\n',
  'X-Stainless-Lang: js\r\n',
  'Content-Length: 5\r\n',
  'Transfer-Encoding: chunked\r\n',
);
const base = fc.record({
  target: fc.constantFrom('/v1/chat/completions', '/v1/messages?beta=true'),
  before: fc.uniqueArray(lines, { maxLength: 4 }),
  behind: fc.uniqueArray(lines, { maxLength: 3 }),
  name: fc.constantFrom('Content-Length: ', 'content-length:', 'CONTENT-LENGTH:\t'),
});
const byte = fc.constantFrom(0x00, 0x09, 0x0a, 0x0d, 0x20, 0x3a, 0x2c, 0x30, 0x35, 0x58, 0x78, 0x7f, 0xe4);
const change = fc.record({ at: fc.nat(400), take: fc.nat(1), put: fc.option(byte) });
/** Most requests repeat the head; only the length differs. */
const step = fc.record({
  length: lengths,
  changes: fc.oneof(
    { weight: 5, arbitrary: fc.constant([]) },
    fc.array(change, { minLength: 1, maxLength: 2 }),
  ),
});
const connection = fc.record({ head: base, steps: fc.array(step, { minLength: 3, maxLength: 10 }) });

test('a head on a connection that remembers the last one is read as llhttp reads it', async (t) => {
  let recalled = 0;
  let parsed = 0;
  await fc.assert(
    fc.asyncProperty(connection, async ({ head, steps }) => {
      const memory = new HeadMemory();
      for (const { length, changes } of steps) {
        const text = `POST ${head.target} HTTP/1.1\r\n${head.before.join('')}${head.name}${length}\r\n${head.behind.join('')}\r\n`;
        let bytes = Buffer.from(text, 'latin1');
        for (const { at, take, put } of changes) {
          const place = at % (bytes.length + 1);
          const middle = Buffer.from(put === null ? [] : [put]);
          bytes = Buffer.concat([bytes.subarray(0, place), middle, bytes.subarray(place + take)]);
        }
        const known = memory.recall(bytes, 0, maxBytes);
        const alone = readFastPathHead(bytes, 0, maxBytes);
        if (known === undefined) {
          if (alone === undefined) continue;
          const { findings } = memory.note(bytes, 0, alone).head;
          if (findings !== undefined) findings.route = route;
          parsed += 1;
          continue;
        }
        recalled += 1;
        assert.ok(alone !== undefined, 'the parser refuses it');
        assert.equal(known.head.target, alone.head.target);
        assert.equal(known.declaredBytes, alone.declaredBytes);
        assert.equal(known.end, alone.end);
        assert.equal(known.closes, alone.closes);
        const body = 'b'.repeat(known.declaredBytes ?? 0);
        const last = hidesWhatFollows(known.head);
        const next = last ? '' : 'GET /next HTTP/1.1\r\nHost: a\r\n\r\n';
        const { requests, refused } = await readWithLlhttp(
          Buffer.concat([bytes.subarray(0, known.end), Buffer.from(body + next)]),
        );
        assert.equal(refused, false, 'llhttp refuses it');
        const [first, second] = requests;
        assert.equal(first?.method, known.head.method);
        assert.equal(first?.target, known.head.target);
        assert.equal(first?.body, body);
        const theirs = RequestHeaders.of(first?.fields ?? []);
        assert.equal(known.head.fields.count, theirs.count);
        for (const name of kept) assert.equal(known.head.fields.get(name), theirs.get(name), name);
        assert.equal(second?.target, last ? undefined : '/next');
      }
    }),
    { numRuns: 400 * moreRuns, interruptAfterTimeLimit: 6_000 * moreRuns, markInterruptAsFailure: false },
  );
  t.diagnostic(`${recalled} were remembered, ${parsed} were parsed`);
  assert.ok(recalled > 100 && parsed > 100, `${recalled} were remembered, ${parsed} were parsed`);
});
