/**
 * Heads of requests, one after another on one connection: what FastPathParser or the memory of heads accepts, llhttp accepts
 * too and reads alike. Bytes after a head, up to its declared length, are its body.
 */
import assert from 'node:assert/strict';
import { readFastPathHead } from '../../../src/gateway/http/fast-path-head.ts';
import { HeadMemory } from '../../../src/gateway/http/head-memory.ts';
import { type HeaderName, RequestHeaders } from '../../../src/gateway/request-headers.ts';
import { type Route, routes } from '../../../src/gateway/routes.ts';
import { hidesWhatFollows } from '../../../src/gateway/upgrade.ts';
import { readWithLlhttp } from '../../helpers/llhttp.ts';
import type { FuzzTarget } from '../target.ts';

const maxHeadBytes = 16 * 1024;
const maxRequests = 6;
const compared: readonly HeaderName[] = [
  'host',
  'content-type',
  'connection',
  'accept',
  'x-forwarded-for',
  'upgrade',
];
const route = routes[0] as Route;

const head = (length: string) =>
  'POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer flm_k\r\n' +
  `Content-Type: application/json\r\nContent-Length: ${length}\r\nAccept: */*\r\n\r\n`;

export const requestHeads: FuzzTarget = {
  name: 'request-heads',
  about: 'FastPathParser and remembered heads beside llhttp',
  sources: [
    'src/gateway/http/fast-path-head.ts',
    'src/gateway/http/head-memory.ts',
    'src/gateway/request-headers.ts',
  ],
  tokens: [
    '\r\n',
    '\r\n\r\n',
    'GET ',
    'POST ',
    '/v1/models',
    ' HTTP/1.1\r\n',
    ' HTTP/1.0\r\n',
    'Host: b\r\n',
    'Content-Length: ',
    'Content-Length: 5\r\n',
    'Transfer-Encoding: chunked\r\n',
    'Connection: close\r\n',
    'Connection: Upgrade\r\nUpgrade: h2c\r\n',
    'Expect: 100-continue\r\n',
    'X-Api-Key: k\r\n',
    'X-Forwarded-For: 192.0.2.1\r\n',
    'keep-alive',
    '\t',
    ' ',
    ', ',
  ],
  seeds: [
    'GET /v1/models HTTP/1.1\r\nHost: a\r\n\r\n',
    'GET /v1/models?x=1 HTTP/1.1\r\nHost: a\r\nX-Api-Key: k\r\nConnection: close\r\n\r\n',
    head('0'),
    `${head('2')}{}${head('2')}{}${head('3')}[1]`,
    'POST / HTTP/1.1\r\nhost:a\r\ncontent-length: 00003 \r\nUpgrade: x\r\n\r\nabc',
  ],
  async check(input) {
    const memory = new HeadMemory();
    let at = 0;
    for (let i = 0; i < maxRequests && at < input.length; i++) {
      const recalled = memory.recall(input, at, maxHeadBytes);
      const alone = readFastPathHead(input, at, maxHeadBytes);
      if (alone === undefined)
        return assert.equal(recalled, undefined, 'a head is remembered that the parser refuses');
      if (recalled !== undefined) {
        assert.equal(recalled.end, alone.end);
        assert.equal(recalled.declaredBytes, alone.declaredBytes);
        assert.equal(recalled.closes, alone.closes);
        assert.equal(recalled.head.method, alone.head.method);
        assert.equal(recalled.head.target, alone.head.target);
        for (const name of compared)
          assert.equal(recalled.head.fields.get(name), alone.head.fields.get(name), name);
      }
      const length = alone.declaredBytes ?? 0;
      if (length > 4_096) return;
      const last = alone.closes || hidesWhatFollows(alone.head);
      const body = Buffer.alloc(length, 'b');
      const next = last ? '' : 'GET /next HTTP/1.1\r\nHost: a\r\n\r\n';
      const { requests, refused } = await readWithLlhttp(
        Buffer.concat([input.subarray(at, alone.end), body, Buffer.from(next)]),
      );
      const [first, second] = requests;
      assert.equal(refused, false, 'llhttp refuses it');
      assert.equal(first?.method, alone.head.method);
      assert.equal(first?.target, alone.head.target);
      assert.equal(first?.body.length, length);
      const theirs = RequestHeaders.of(first?.fields ?? []);
      assert.equal(alone.head.fields.count, theirs.count);
      for (const name of compared) assert.equal(alone.head.fields.get(name), theirs.get(name), name);
      assert.equal(second?.target, last ? undefined : '/next');
      if (recalled === undefined) {
        const { findings } = memory.note(input, at, alone).head;
        if (findings !== undefined) findings.route = route;
      }
      if (last) return;
      at = alone.end + length;
    }
  },
};
