/**
 * Request bodies: a gateway and an engine that read different things from one body would be a hole in every rule, so
 * what can be read in two ways is refused, and everything else goes to the engine as it came, byte for byte.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { GatewayFixture } from '../helpers/gateway-fixture.ts';
import { assertNoLeaks, type Stock, takeStock } from '../helpers/leaks.ts';
import { answer } from '../helpers/raw-engine.ts';
import type { Wire, WireResponse } from '../helpers/test-gateway.ts';

let stock: Stock;
let fixture: GatewayFixture;
before(async () => {
  stock = takeStock();
  fixture = await GatewayFixture.open({
    engines: [{ models: ['m', 'big'] }],
    config: { limits: { maxBodyBytes: 2_000_000, maxBufferedBytes: 3_000_000 } },
  });
});
afterEach(() => fixture.settle());
after(async () => {
  await fixture.close();
  await assertNoLeaks(stock);
});

const good = answer('{"ok":true}');

interface Raw {
  readonly path?: string;
  readonly type?: string;
  readonly more?: string;
}

async function send(body: Buffer | string, raw: Raw = {}): Promise<WireResponse> {
  fixture.engine.setScript([good]);
  const bytes = Buffer.from(body);
  const head =
    `POST ${raw.path ?? '/v1/chat/completions'} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${fixture.proxy.key}\r\n` +
    `${raw.type === '' ? '' : `Content-Type: ${raw.type ?? 'application/json'}\r\n`}${raw.more ?? ''}` +
    `Content-Length: ${bytes.length}\r\n\r\n`;
  const wire = await fixture.send(Buffer.concat([Buffer.from(head), bytes]));
  return wire.response();
}

function error(response: WireResponse): { readonly code: string; readonly message: string } {
  return JSON.parse(response.body.toString()).error;
}

async function refused(
  body: Buffer | string,
  status: number,
  code: string,
  message: RegExp,
  raw?: Raw,
): Promise<void> {
  const before = fixture.engine.requests.length;
  const response = await send(body, raw);
  assert.equal(response.status, status, response.body.toString());
  assert.equal(error(response).code, code);
  assert.match(error(response).message, message);
  assert.equal(fixture.engine.requests.length, before, 'the engine has seen nothing');
}

async function passes(body: Buffer | string, raw?: Raw): Promise<void> {
  const response = await send(body, raw);
  assert.equal(response.status, 200, response.body.toString());
  assert.deepEqual(fixture.lastRequest?.body, Buffer.from(body));
}

// --- E1: the model that is read is the model that runs

describe('a body that names what rules look at in two ways is a 400:', () => {
  const cases: Readonly<Record<string, readonly [body: string, message: RegExp]>> = {
    'the model twice': ['{"model":"m","model":"big"}', /"model"/],
    'the model twice, alike': ['{"model":"m","model":"m"}', /"model"/],
    'the model in another case': ['{"model":"m","Model":"big"}', /"model"/],
    'the model only in another case': ['{"MODEL":"big"}', /"model"/],
    'the model with an escape': ['{"model":"m","mod\\u0065l":"big"}', /"model"/],
    'the model with a Kelvin sign, which Go folds': ['{"model":"m","\\u212aeep_alive":0}', /keep_alive/],
    'stream twice': ['{"model":"m","stream":true,"stream":false}', /"stream"/],
    'a model that is no text': ['{"model":["m"]}', /"model" is not a string/],
    'a model that is null': ['{"model":null}', /"model" is not a string/],
    'a model with a control character': ['{"model":"m\\u0000"}', /"model" is not plain text/],
    'a model with half of a surrogate pair': ['{"model":"m\\ud800"}', /"model" is not plain text/],
    'a stream flag that is none': ['{"model":"m","stream":"yes"}', /"stream" is not true or false/],
  };
  for (const [name, [body, message]] of Object.entries(cases))
    test(name, () => refused(body, 400, 'body_invalid', message));
});

describe('a body that is no JSON object is a 400:', () => {
  const cases: Readonly<Record<string, Buffer | string>> = {
    'nothing at all': '',
    'a list': '[{"model":"m"}]',
    'a text': '"m"',
    'two objects': '{"model":"m"}{"model":"big"}',
    'bytes behind the end': '{"model":"m"}x',
    'an object that does not end': '{"model":"m"',
    'a trailing comma': '{"model":"m",}',
    'a comment': '{"model":"m"/*,"model":"big"*/}',
    'single quotes': "{'model':'m'}",
    'a number with a leading zero': '{"model":"m","n":01}',
    NaN: '{"model":"m","n":NaN}',
    'a raw line feed in a text': '{"model":"m","t":"a\nb"}',
    'a byte order mark': Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from('{"model":"m"}')]),
    'UTF-16': Buffer.from('\ufeff{"model":"m"}', 'utf16le'),
    'bad UTF-8': Buffer.concat([
      Buffer.from('{"model":"m","t":"'),
      Buffer.from([0xff, 0xfe]),
      Buffer.from('"}'),
    ]),
    'an overlong slash': Buffer.concat([
      Buffer.from('{"model":"m","t":"'),
      Buffer.from([0xc0, 0xaf]),
      Buffer.from('"}'),
    ]),
    'a surrogate in UTF-8': Buffer.concat([
      Buffer.from('{"model":"m","t":"'),
      Buffer.from([0xed, 0xa0, 0x80]),
      Buffer.from('"}'),
    ]),
    'half of a character at its end': Buffer.concat([
      Buffer.from('{"model":"m"} '),
      Buffer.from([0xf0, 0x9f]),
    ]),
    'nesting of 200 levels': `{"model":"m","a":${'['.repeat(200)}${']'.repeat(200)}}`,
    'nesting of a million levels': `{"model":"m","a":${'['.repeat(1_000_000)}`,
  };
  for (const [name, body] of Object.entries(cases))
    test(name, () => refused(body, 400, 'body_invalid', /cannot be used/));
});

test('a character that is begun at the end of a packet does not take the end of the body for its own', async () => {
  const [first, rest] = [Buffer.from('{"model":"m","t":"\u00f4', 'latin1'), Buffer.from('"}')];
  const length = first.length + rest.length;
  const wire = await fixture.send(
    `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${fixture.proxy.key}\r\nContent-Length: ${length}\r\n\r\n`,
  );
  wire.send(first);
  await fixture.until('the first part is here', () => fixture.proxy.gateway.bufferedBytes === first.length);
  wire.send(rest);
  const response = await wire.response();
  assert.equal(response.status, 400);
  assert.match(error(response).message, /not UTF-8/);
});

describe('what a body holds passes byte for byte:', () => {
  const cases: Readonly<Record<string, string>> = {
    'unknown fields, blanks and numbers as written':
      ' {"z" : [1.0e2, -0.0 ,12345678901234567890, 1e400], "model":\t"m"\r\n, "stream_options":{"x":1}}\n',
    '__proto__ and constructor': '{"__proto__":{"admin":true},"constructor":{"prototype":{}},"model":"m"}',
    'the model deeper down':
      '{"messages":[{"model":"big","Model":1}],"metadata":{"model":"big"},"model":"m"}',
    'the model in a text': '{"prompt":"\\"model\\":\\"big\\"","model":"m"}',
    'escapes and characters of four bytes': '{"model":"m","t":"\\ud83d\\ude00😀\\u0000\\/"}',
    'half of a surrogate pair in a text': '{"model":"m","t":"\\ud800"}',
    'nesting of 100 levels': `{"model":"m","a":${'['.repeat(100)}${']'.repeat(100)}}`,
  };
  for (const [name, body] of Object.entries(cases)) test(name, () => passes(body));

  test('a large one, in pieces', async () => {
    const body = JSON.stringify({ model: 'm', image: 'data:image/png;base64,'.padEnd(1_500_000, 'A') });
    await passes(body);
  });

  test('a chunked one, which goes on with a length', async () => {
    fixture.engine.setScript([good]);
    const head = `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${fixture.proxy.key}\r\nTransfer-Encoding: chunked\r\n\r\n`;
    const wire = await fixture.send(`${head}6\r\n{"mode\r\n1\r\nl\r\n6;x=y\r\n":"m"}\r\n0\r\n\r\n`);
    assert.equal((await wire.response()).status, 200);
    assert.equal(fixture.lastRequest?.body.toString(), '{"model":"m"}');
    assert.equal(fixture.lastRequest?.field('content-length'), '13');
    assert.equal(fixture.lastRequest?.field('transfer-encoding'), undefined);
  });
});

test('two hundred thousand keys that hash alike are scanned, not collected', async () => {
  const keys = Array.from({ length: 120_000 }, (_, i) => `"${i}":0`).join(',');
  await passes(`{"model":"m",${keys}}`);
});

test('flm calls nothing that a body names', async () => {
  const sink = fixture.engine.connections;
  const url = 'http://169.254.169.254/';
  const body = JSON.stringify({
    model: 'm',
    api_base: url,
    base_url: url,
    user_config: { api_base: url },
    extra_headers: { authorization: 'x' },
    messages: [{ content: [{ image_url: { url: 'file:///etc/passwd' } }] }],
  });
  await passes(body);
  assert.ok(fixture.engine.connections - sink <= 1);
  await refused('{"model":"http://169.254.169.254/"}', 404, 'model_not_found', /There is no model/);
});

// --- content types and codings

test('the content type decides nothing but whether it is a form', async () => {
  for (const type of [
    '',
    'text/plain',
    'application/json; charset=utf-8',
    'application/x-www-form-urlencoded',
    'application/octet-stream',
  ]) {
    await passes('{"model":"m"}', { type });
    assert.equal(fixture.lastRequest?.field('content-type'), 'application/json');
  }
});

test('a form where JSON is expected is a 415, and JSON where a form is', async () => {
  await refused('--x--', 415, 'body_type_unsupported', /application\/json/, {
    type: 'multipart/form-data; boundary=x',
  });
  await refused('{"model":"m"}', 415, 'body_type_unsupported', /multipart\/form-data/, {
    path: '/v1/audio/transcriptions',
  });
});

test('a body with any other coding than gzip or zstd, or with more than one, is a 415 that names both', async () => {
  const bomb = gzipSync(Buffer.alloc(1_000_000, 0x20));
  const thousand = Array(1000).fill('gzip').join(',');
  for (const coding of ['br', 'deflate', 'compress', 'gzip, gzip', 'gzip, identity', thousand, 'x'])
    await refused(bomb, 415, 'body_coded', /gzip or zstd/, { more: `Content-Encoding: ${coding}\r\n` });
  await passes('{"model":"m"}', { more: 'Content-Encoding: identity\r\n' });
});

// --- limits

describe('a body above the limit is a 413', () => {
  test('before it is read, where it tells its length', async () => {
    const wire = await fixture.send(
      `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${fixture.proxy.key}\r\nContent-Length: 2000001\r\n\r\n`,
    );
    const response = await wire.response();
    assert.equal(response.status, 413);
    assert.equal(error(response).code, 'body_too_large');
    assert.equal(response.field('connection'), 'close');
  });

  test('in the middle, where it comes in chunks', async () => {
    const wire = await fixture.send(
      `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${fixture.proxy.key}\r\nTransfer-Encoding: chunked\r\n\r\n`,
    );
    const piece = `${(100_000).toString(16)}\r\n${' '.repeat(100_000)}\r\n`;
    for (let i = 0; i < 21; i++) wire.send(piece);
    const response = await wire.response();
    assert.equal(response.status, 413);
    assert.match(error(response).message, /2000000 bytes/);
    assert.equal(fixture.proxy.gateway.bufferedBytes, 0);
  });

  test('and one that fills it passes', () => passes(`{"model":"m"}${' '.repeat(2_000_000 - 13)}`));
});

test('the bodies of one key together have a limit: 503 and when to come again', async () => {
  const begin = (n: number): Promise<Wire> =>
    fixture.send(fixture.post({ model: 'm', text: 'x'.repeat(n) }).slice(0, -10));
  const first = await begin(1_500_000);
  await fixture.until('the first is here', () => fixture.proxy.gateway.bufferedBytes > 1_400_000);
  const second = await begin(800_000);
  await fixture.until('the second is here', () => fixture.proxy.gateway.bufferedBytes > 2_200_000);
  const third = await fixture.send(fixture.post({ model: 'm', text: 'x'.repeat(400_000) }));
  const response = await third.response();
  assert.equal(response.status, 503);
  assert.equal(error(response).code, 'bodies_exhausted');
  assert.match(response.field('retry-after') ?? '', /^[1-9]/);
  // What was refused has given back its share, and what goes away gives back all.
  assert.ok(fixture.proxy.gateway.bufferedBytes < 2_400_000);
  first.close();
  second.close();
  await fixture.until('all is given back', () => fixture.proxy.gateway.bufferedBytes === 0);
});

test('a body is in memory for as long as its answer runs, and no longer', async () => {
  const wire = await fixture.dial();
  const gate = Promise.withResolvers<void>();
  fixture.engine.setScript(async (socket) => {
    await gate.promise;
    socket.write(good);
  });
  const before = fixture.engine.requests.length;
  wire.send(fixture.post({ model: 'm', text: 'x'.repeat(1000) }));
  await fixture.engine.arrived(before + 1);
  assert.ok(fixture.proxy.gateway.bufferedBytes >= 1000);
  gate.resolve();
  await wire.response();
  assert.equal(fixture.proxy.gateway.bufferedBytes, 0);
});

// --- forms

const form = (boundary: string, ...parts: readonly (readonly [head: string, value: string])[]): string =>
  `${parts.map(([head, value]) => `--${boundary}\r\nContent-Disposition: form-data; ${head}\r\n\r\n${value}\r\n`).join('')}--${boundary}--\r\n`;
const transcription = { path: '/v1/audio/transcriptions', type: 'multipart/form-data; boundary=XX' };
const file = ['name="file"; filename="a.wav"', 'RIFF\r\n\0\xff'] as const;

describe('a form', () => {
  test('passes byte for byte, its content type too', async () => {
    await passes(form('XX', ['name="model"', 'm'], file, ['name="unknown"', 'é']), transcription);
    assert.equal(fixture.lastRequest?.field('content-type'), transcription.type);
  });

  test('that names the model twice is a 400', () =>
    refused(
      form('XX', ['name="model"', 'm'], file, ['name="model"', 'big']),
      400,
      'body_invalid',
      /model/,
      transcription,
    ));

  test('that names the model in another case is a 400', () =>
    refused(
      form('XX', ['name="model"', 'm'], ['name="Model"', 'big']),
      400,
      'body_invalid',
      /model/,
      transcription,
    ));

  test('whose boundary is of another is a 400', () =>
    refused(form('YY', ['name="model"', 'm']), 400, 'body_invalid', /boundary/, transcription));

  test('without an end is a 400', () =>
    refused(
      form('XX', ['name="model"', 'm']).slice(0, -8),
      400,
      'body_invalid',
      /cannot be used/,
      transcription,
    ));

  test('with a boundary of ten kilobytes is a 400', () =>
    refused(form('XX', ['name="model"', 'm']), 400, 'body_invalid', /boundary/, {
      ...transcription,
      type: `multipart/form-data; boundary=${'X'.repeat(10_000)}`,
    }));

  test('with a model that nobody has is a 404', () =>
    refused(form('XX', ['name="model"', 'nobody'], file), 404, 'model_not_found', /nobody/, transcription));
});
