/**
 * Request bodies with a content coding: the engine gets what was coded, byte for byte, and every limit holds for it.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, afterEach, before, describe, test } from 'node:test';
import { constants, gzipSync, zstdCompressSync } from 'node:zlib';
import { GatewayFixture } from '../helpers/gateway-fixture.ts';
import { assertNoLeaks, type Stock, takeStock } from '../helpers/leaks.ts';
import { answer } from '../helpers/raw-engine.ts';
import type { WireResponse } from '../helpers/test-gateway.ts';

const maxBodyBytes = 4_000_000;
const maxBufferedBytes = 12_000_000;
let stock: Stock;
let fixture: GatewayFixture;
before(async () => {
  stock = takeStock();
  fixture = await GatewayFixture.open({
    engines: [{ models: ['m', 'other'] }],
    config: { limits: { maxBodyBytes, maxBufferedBytes } },
  });
});
afterEach(() => fixture.settle());
after(async () => {
  await fixture.close();
  await assertNoLeaks(stock);
});

const chatPath = '/v1/chat/completions';
const small = Buffer.from('{"model":"m","messages":[{"role":"user","content":"h\u00e4"}]}');
const codings = {
  gzip: (b: Buffer): Buffer => gzipSync(b),
  zstd: (b: Buffer): Buffer => zstdCompressSync(b),
};
type Coding = keyof typeof codings;
const both = Object.keys(codings) as Coding[];

const head = (fields: string, key = fixture.proxy.key, path = chatPath, type = 'application/json'): string =>
  `POST ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${key}\r\nContent-Type: ${type}\r\n${fields}\r\n\r\n`;

async function send(
  coding: string,
  body: Buffer,
  more = '',
  path = chatPath,
  type?: string,
): Promise<WireResponse> {
  fixture.engine.setScript([answer('{"ok":true}')]);
  const fields = `Content-Encoding: ${coding}\r\n${more}Content-Length: ${body.length}`;
  const bytes = [Buffer.from(head(fields, fixture.proxy.key, path, type), 'latin1'), body];
  return (await fixture.send(Buffer.concat(bytes))).response();
}

async function passes(coding: string, body: Buffer, plain: Buffer, more = ''): Promise<void> {
  const response = await send(coding, body, more);
  assert.equal(response.status, 200, response.body.toString());
  assert.ok(fixture.lastRequest?.body.equals(plain), 'the engine gets it decoded');
  assert.equal(fixture.lastRequest?.field('content-encoding'), undefined);
  assert.equal(fixture.lastRequest?.field('content-length'), String(plain.length));
}

async function refused(
  coding: string,
  body: Buffer,
  status: number,
  code: string | RegExp,
  message: RegExp,
): Promise<void> {
  const seen = fixture.engine.requests.length;
  const response = await send(coding, body);
  assert.equal(response.status, status, response.body.toString());
  const { error } = JSON.parse(response.body.toString()) as { error: { code: string; message: string } };
  if (typeof code === 'string') assert.equal(error.code, code);
  else assert.match(error.code, code);
  assert.match(error.message, message);
  assert.equal(fixture.engine.requests.length, seen, 'the engine has seen nothing');
}

/** What stands there may still decode, to something that is no JSON. */
const invalid = /^body_(?:coding_)?invalid$/;

/** Hard to compress, and longer than any buffer on the way. */
const large = Buffer.from(`{"model":"m","x":"${randomBytes(1_500_000).toString('base64')}"}`);

for (const coding of both)
  describe(`a body in ${coding}`, () => {
    const pack = codings[coding];

    test('reaches the engine decoded, small or large, whichever reader took it', async () => {
      for (const more of ['', 'X-Name: \xe4\r\n']) {
        await passes(coding, pack(small), small, more);
        await passes(coding, pack(large), large, more);
      }
      await passes(coding.toUpperCase(), pack(small), small);
    });

    test('comes in pieces, wherever they are cut, and in chunks', async () => {
      const packed = pack(small);
      for (const cut of [1, 3, 10, packed.length - 1]) {
        fixture.engine.setScript([answer('{"ok":true}')]);
        const wire = await fixture.send(
          head(`Content-Encoding: ${coding}\r\nContent-Length: ${packed.length}`),
        );
        wire.send(packed.subarray(0, cut));
        await new Promise((resolve) => setImmediate(resolve));
        assert.equal((await wire.send(packed.subarray(cut)).response()).status, 200);
        assert.ok(fixture.lastRequest?.body.equals(small));
      }
      const wire = await fixture.send(head(`Content-Encoding: ${coding}\r\nTransfer-Encoding: chunked`));
      for (const byte of packed)
        wire.send(Buffer.concat([Buffer.from('1\r\n'), Buffer.from([byte]), Buffer.from('\r\n')]));
      assert.equal((await wire.send('0\r\n\r\n').response()).status, 200);
      assert.ok(fixture.lastRequest?.body.equals(small));
    });

    test('leaves its connection open for the next request', async () => {
      const wire = await fixture.dial();
      const packed = pack(small);
      for (let i = 0; i < 3; i++) {
        wire.send(head(`Content-Encoding: ${coding}\r\nContent-Length: ${packed.length}`)).send(packed);
        assert.equal((await wire.response()).status, 200);
      }
    });

    test('is judged by what it holds', async () => {
      await refused(coding, pack(Buffer.from('{"model":"m","model":"other"}')), 400, 'body_invalid', /twice/);
      await refused(coding, pack(Buffer.from('[]')), 400, 'body_invalid', /JSON object/);
      await refused(coding, pack(Buffer.from('{"model":"none"}')), 404, 'model_not_found', /none/);
    });

    test('may be a form', async () => {
      const form = Buffer.from(
        '--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nm\r\n--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nxyz\r\n--b--\r\n',
      );
      const response = await send(
        coding,
        pack(form),
        '',
        '/v1/audio/transcriptions',
        'multipart/form-data; boundary=b',
      );
      assert.equal(response.status, 200, response.body.toString());
      assert.ok(fixture.lastRequest?.body.equals(form));
    });

    test('that breaks off is a 400', async () => {
      for (const packed of [pack(small), pack(large)])
        for (const length of [0, 1, 4, packed.length >> 1, packed.length - 5, packed.length - 1])
          await refused(coding, packed.subarray(0, length), 400, 'body_coding_invalid', /breaks off|not one/);
    });

    test('with anything behind it is a 400', async () => {
      for (const packed of [pack(small), pack(large)])
        for (const more of [
          Buffer.from([0]),
          Buffer.alloc(9),
          Buffer.from('x'),
          packed.subarray(0, 1),
          packed.subarray(0, 3),
          packed,
        ])
          await refused(coding, Buffer.concat([packed, more]), 400, invalid, /request body/);
    });

    test('that is none is a 400', async () => {
      await refused(coding, small, 400, 'body_coding_invalid', /compressed request body/);
      const other = coding === 'gzip' ? zstdCompressSync(small) : gzipSync(small);
      await refused(coding, other, 400, 'body_coding_invalid', /compressed request body/);
      // Only a checksum tells that other bytes of the same length are wrong.
      const params = { [constants.ZSTD_c_checksumFlag]: 1 };
      const damaged = coding === 'gzip' ? gzipSync(large) : zstdCompressSync(large, { params });
      damaged.fill(0xff, 1000, 1200);
      await refused(coding, damaged, 400, invalid, /request body/);
    });

    test('may grow by more than 200 times within its first MiB only', async () => {
      const filled = (bytes: number): Buffer => Buffer.from(`{"model":"m","x":"${' '.repeat(bytes)}"}`);
      await passes(coding, pack(filled(1_000_000)), filled(1_000_000));
      await refused(coding, pack(filled(3_000_000)), 413, 'body_expands', /200 times/);
    });

    test('is held to the limit of bodies by what it holds', async () => {
      const much = Buffer.from(`{"model":"m","x":"${randomBytes(40_000).toString('hex').repeat(60)}"}`);
      assert.ok(much.length > maxBodyBytes && pack(much).length < maxBodyBytes);
      await refused(coding, pack(much), 413, 'body_too_large', new RegExp(String(maxBodyBytes)));
    });

    test('is not decoded for a client without a key', async () => {
      const bomb = pack(Buffer.alloc(20_000_000, ' '));
      const fields = `Content-Encoding: ${coding}\r\nContent-Length: ${bomb.length}`;
      const wire = await fixture.send(head(fields, 'flm_wrong'));
      assert.equal((await wire.send(bomb).response()).status, 401);
    });

    test('counts in the memory of all bodies by what it holds', async () => {
      const parts = Buffer.from(`{"model":"m","x":"${randomBytes(5_000).toString('hex').repeat(200)}"}`);
      const packed = pack(parts);
      // All but the end, which keeps it from being answered.
      const wire = await fixture.send(
        head(`Content-Encoding: ${coding}\r\nContent-Length: ${packed.length}`),
      );
      wire.send(packed.subarray(0, -20));
      await fixture.until('it is decoded', () => fixture.proxy.gateway.bufferedBytes > packed.length * 2);
      assert.ok(fixture.proxy.gateway.bufferedBytes <= parts.length + packed.length);
      wire.close();
      await fixture.until('it is given back', () => fixture.proxy.gateway.bufferedBytes === 0);
    });
  });

test('a zstd body may ask for a window of 8 MiB and no more', async () => {
  const frame = zstdCompressSync(large, { params: { [constants.ZSTD_c_contentSizeFlag]: 0 } });
  /** RFC 8878, section 3.1.1.1.2: the byte behind magic number and descriptor. */
  const withWindow = (descriptor: number): Buffer => {
    const copy = Buffer.from(frame);
    copy[5] = descriptor;
    return copy;
  };
  await passes('zstd', withWindow(0x68), large);
  for (const descriptor of [0x69, 0x70, 0xff])
    await refused('zstd', withWindow(descriptor), 400, 'body_coding_invalid', /window of more than 8 MiB/);
});

test('gzip has an old name as well', async () => {
  await passes('x-gzip', gzipSync(small), small);
});

test('a coding that is not read is a 415 that names those that are', async () => {
  for (const coding of ['br', 'gzip, zstd', 'gzip\r\nContent-Encoding: gzip']) {
    const response = await send(coding, gzipSync(small));
    assert.equal(response.status, 415);
    assert.equal(response.field('accept-encoding'), 'gzip, zstd');
  }
});
