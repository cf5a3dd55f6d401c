import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brotliCompressSync, brotliDecompressSync, gunzipSync } from 'node:zlib';
import { StaticFile } from './static-file.ts';

const text = 'a page '.repeat(200);
const file = new StaticFile('text/html; charset=utf-8', brotliCompressSync(text));

const responseFor = (accepted: string | undefined, known?: string) =>
  file.response({
    headers: {
      ...(accepted === undefined ? {} : { 'accept-encoding': accepted }),
      ...(known === undefined ? {} : { 'if-none-match': known }),
    },
  });

test('a file is sent in the smallest form that the client accepts', () => {
  for (const [accepted, encoding] of [
    ['gzip, deflate, br, zstd', 'br'],
    ['GZIP;q=0.5, br;q=0', 'gzip'],
    ['gzip;q=0.0, identity', undefined],
    [undefined, undefined],
  ] as const) {
    const { headers, body } = responseFor(accepted);
    assert.equal(headers['content-encoding'], encoding, `accepted: ${accepted}`);
    assert.equal(headers.vary, 'Accept-Encoding');
    const plain =
      encoding === 'br' ? brotliDecompressSync(body) : encoding === 'gzip' ? gunzipSync(body) : body;
    assert.equal(plain.toString(), text, `accepted: ${accepted}`);
  }
});

test('a browser that has the file in the same form gets no body', () => {
  const { headers } = responseFor('br');
  const again = responseFor('br', `"other", W/${headers.etag}`);
  assert.equal(again.status, 304);
  assert.equal(again.body.length, 0);
  assert.equal(responseFor('gzip', headers.etag).status, 200);
});
