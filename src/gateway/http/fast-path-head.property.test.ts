/**
 * The reader of ordinary requests beside llhttp, on anything that looks like a request: what it takes, llhttp takes as
 * well and reads alike, and what comes behind the body is the next request for both.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readWithLlhttp } from '../../../test/helpers/llhttp.ts';
import { moreRuns } from '../../../test/helpers/more-runs.ts';
import { type HeaderName, RequestHeaders } from '../request-headers.ts';
import { hidesWhatFollows } from '../upgrade.ts';
import { readFastPathHead } from './fast-path-head.ts';

const known: readonly HeaderName[] = [
  'host',
  'authorization',
  'content-type',
  'content-length',
  'transfer-encoding',
  'expect',
  'upgrade',
  'connection',
  'x-forwarded-for',
];
const anything = fc.string({ unit: 'binary-ascii', maxLength: 8 });
const token = fc.string({ unit: fc.constantFrom(...'aZ09-_.!|~'), minLength: 1, maxLength: 6 });
const visible = fc.string({ unit: fc.constantFrom(...'aZ0 9"(),:;=/\\\t~#{}'), maxLength: 12 });
const mostly = (usual: fc.Arbitrary<string>, odd: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.oneof({ weight: 12, arbitrary: usual }, { weight: 1, arbitrary: odd });

const start = fc.oneof(
  fc.constant('POST'),
  fc.constant('GET'),
  fc.constantFrom('PUT', 'M-SEARCH', 'post', ' POST', '\r\nGET'),
);
const target = mostly(
  visible.map((text) => `/${text.replaceAll(/[\s#]/g, '')}`),
  fc.oneof(anything, fc.constantFrom('*', 'http://a/', '/a#b', '/"<>^`{|}')),
);
const version = mostly(fc.constant('HTTP/1.1'), fc.constantFrom('HTTP/1.0', 'HTTP/1.2', 'http/1.1', ''));
// Not `Proxy-Connection`, which llhttp takes for `Connection`; it says nothing (RFC 9112, appendix C.2.2).
const rare = fc.constantFrom(...known, 'CONTENT-LENGTH', 'Keep-Alive', 'TE');
const offer = fc.constantFrom(
  '',
  '',
  '',
  'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n',
  'Upgrade: x\r\n',
);
const usualValue = fc.oneof(visible, fc.constantFrom('', '5', 'chunked', 'keep-alive', 'close', 'Bearer k'));
const blank = fc.constantFrom(' ', ' ', '', '\t', ' \t');
const field = fc
  .tuple(mostly(token, fc.oneof(rare, anything)), blank, mostly(usualValue, anything), blank)
  .map(([name, before, value, behind]) => `${name}:${before}${value}${behind}\r\n`);
const emptyBody = fc.constantFrom('', '', 'Content-Length: 0\r\n');
const lengthField = fc.constantFrom('Content-Length: 5\r\n', 'content-length:0005 \r\n', '');
const head = fc
  .tuple(
    start,
    target,
    version,
    fc.array(field, { maxLength: 4 }),
    lengthField,
    emptyBody,
    fc.array(field, { maxLength: 2 }),
    offer,
  )
  .map(([m, t, v, before, l, empty, behind, o]) => {
    const body = m === 'GET' ? empty : l;
    return `${m} ${t} ${v}\r\n${before.join('')}${body}${o}${behind.join('')}\r\n`;
  });

/** Now and then a byte taken out, put in or replaced. */
const oddByte = fc.constantFrom(0x00, 0x09, 0x0a, 0x0b, 0x0d, 0x20, 0x3a, 0x2c, 0x7f, 0x80, 0xa0, 0xff, 0x35);
const mutation = fc.record({ at: fc.nat(400), take: fc.nat(1), put: fc.option(oddByte) });
const mutations = fc.oneof(fc.constant([]), fc.array(mutation, { maxLength: 2 }));
const mutated = fc.tuple(head, mutations).map(([text, all]) => {
  let bytes = Buffer.from(text, 'latin1');
  for (const { at, take, put } of all) {
    const place = at % (bytes.length + 1);
    const middle = put === null ? [] : [put];
    bytes = Buffer.concat([bytes.subarray(0, place), Buffer.from(middle), bytes.subarray(place + take)]);
  }
  return bytes;
});

test('what it takes llhttp takes too, with the same target, fields, body and end', async (t) => {
  let taken = 0;
  await fc.assert(
    fc.asyncProperty(mutated, async (bytes) => {
      const ours = readFastPathHead(bytes, 0, 16 * 1024);
      if (ours === undefined) return;
      taken += 1;
      const body = 'b'.repeat((ours.declaredBytes ?? 0) % 100_000);
      if (body.length !== (ours.declaredBytes ?? 0)) return;
      // A client that closes has nothing more to ask, and llhttp refuses it.
      // Behind an offered upgrade it reads nothing that came with it.
      const last = ours.closes || hidesWhatFollows(ours.head);
      const next = last ? '' : 'GET /next HTTP/1.1\r\nHost: a\r\n\r\n';
      const whole = Buffer.concat([bytes.subarray(0, ours.end), Buffer.from(body + next)]);
      const { requests, refused } = await readWithLlhttp(whole);
      assert.equal(refused, false, 'llhttp refuses it');
      const [first, second] = requests;
      assert.ok(first !== undefined, 'llhttp sees no request');
      assert.equal(first.method, ours.head.method);
      assert.equal(first.target, ours.head.target);
      assert.equal(first.version, ours.head.version);
      assert.equal(first.body, body);
      const theirs = RequestHeaders.of(first.fields);
      assert.equal(ours.head.fields.count, theirs.count);
      for (const name of known) assert.equal(ours.head.fields.get(name), theirs.get(name), name);
      assert.equal(second?.target, last ? undefined : '/next');
    }),
    { numRuns: 3_000 * moreRuns, interruptAfterTimeLimit: 8_000 * moreRuns, markInterruptAsFailure: false },
  );
  t.diagnostic(`${taken} were ordinary`);
  assert.ok(taken > 200, `only ${taken} of what was tried is ordinary`);
});
