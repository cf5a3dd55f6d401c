/**
 * What a client with a wrong base URL or a wrong body is told: the base URL of its own API, in the envelope that its SDK
 * reads, with the scheme that it came by.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { AttackFixture, chatBody } from '../helpers/attack-fixture.ts';
import { get, post } from '../helpers/test-gateway.ts';
import { TlsFixture } from '../helpers/tls-fixture.ts';

let fixture: AttackFixture;
before(async () => {
  fixture = await AttackFixture.open();
});
after(() => fixture.close());

type Spoken = 'openai' | 'anthropic' | 'ollama';

/** The message, out of the envelope of that dialect and of no other. */
function messageIn(dialect: Spoken, body: Buffer): string {
  const said = JSON.parse(body.toString()) as {
    type?: string;
    error: string | { message: string; param?: null };
  };
  assert.equal(said.type === 'error', dialect === 'anthropic', body.toString());
  assert.equal(typeof said.error === 'string', dialect === 'ollama', body.toString());
  if (typeof said.error === 'string') return said.error;
  assert.equal(said.error.param === null, dialect === 'openai', body.toString());
  return said.error.message;
}

const base: Readonly<Record<Spoken, RegExp>> = {
  openai: /The base URL of OpenAI clients is http:\/\/localhost\/v1[,.]/,
  anthropic: /The base URL of Anthropic clients is http:\/\/localhost[,.]/,
  ollama: /The base URL of Ollama clients is http:\/\/localhost[,.]/,
};

describe('a wrong path is answered in its own dialect, with its own base URL', () => {
  for (const [path, status, dialect, right] of [
    ['/v1/v1/messages', 404, 'anthropic', '/v1/messages'],
    ['/messages', 404, 'anthropic', '/v1/messages'],
    ['/v1/api/chat', 404, 'ollama', '/api/chat'],
    ['//api/chat', 400, 'ollama', '/api/chat'],
    ['//v1/messages', 400, 'anthropic', '/v1/messages'],
    ['/v1//chat/completions', 400, 'openai', '/v1/chat/completions'],
    ['/api/v1/chat/completions', 404, 'openai', '/v1/chat/completions'],
    ['/chat/completions', 404, 'openai', '/v1/chat/completions'],
    ['/openai/v1/chat/completions', 404, 'openai', '/v1/chat/completions'],
    ['/v1/v1/responses', 404, 'openai', '/v1/responses'],
    ['/v1/responses/responses', 404, 'openai', '/v1/responses'],
    ['/v1/models/chat/completions', 404, 'openai', '/v1/chat/completions'],
    ['/v1/messages/v1/messages', 404, 'anthropic', '/v1/messages'],
    ['/api/chat/api/chat', 404, 'ollama', '/api/chat'],
    ['/v1/api/nothing', 404, 'ollama', undefined],
    ['/v1/nothing', 404, 'openai', undefined],
  ] as const)
    test(path, async () => {
      const response = await fixture.ask(post(path, fixture.key, chatBody));
      assert.equal(response.status, status);
      const message = messageIn(dialect, response.body);
      assert.match(message, base[dialect]);
      assert.doesNotMatch(message, /not valid HTTP/);
      assert.equal(/; (\S+) was probably meant/.exec(message)?.[1], right);
      await fixture.assertUnharmed();
    });

  test('a client that says which API it speaks is believed, and so is its route before it is known', async () => {
    const version = 'Anthropic-Version: 2023-06-01\r\n';
    const unknown = await fixture.ask(get('/v1/v1/models', fixture.key, version));
    assert.match(messageIn('anthropic', unknown.body), base.anthropic);
    messageIn('anthropic', (await fixture.ask(get('/v1/models', 'flm_wrong', version))).body);
    messageIn('anthropic', (await fixture.ask(post('/v1/v1/messages', 'flm_wrong', chatBody))).body);
    messageIn('ollama', (await fixture.ask(post('/v1/api/chat', 'flm_wrong', chatBody))).body);
    await fixture.assertUnharmed();
  });

  test('a refused expectation speaks the dialect of its path', async () => {
    const said = await fixture.ask(post('/v1/messages', fixture.key, chatBody, 'Expect: junk\r\n'));
    assert.equal(said.status, 417);
    messageIn('anthropic', said.body);
    await fixture.assertUnharmed();
  });

  test('behind a trusted proxy that ends TLS the base URL is https, and only there', async () => {
    const said = async (fields: string): Promise<string> =>
      (await fixture.ask(post('/chat/completions', fixture.key, chatBody, fields))).body.toString();
    const proto = 'X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n';
    assert.match(await said(proto), / http:\/\/localhost\/v1\./);
    fixture.proxy.setPolicy({ trustedProxies: ['127.0.0.1'] });
    assert.match(await said(proto), / https:\/\/localhost\/v1\./);
    assert.match(await said('Forwarded: for=192.0.2.1;proto=https\r\n'), / https:\/\/localhost\/v1\./);
    assert.match(await said('X-Forwarded-Proto: http\r\n'), / http:\/\/localhost\/v1\./);
    await fixture.assertUnharmed();
  });
});

test('an HTTPS proxy names https base URLs, also to plain HTTP on its port', async () => {
  const tls = await TlsFixture.open({});
  try {
    const { wire } = await tls.dial({});
    const response = await wire.send(post('/v1/v1/messages', tls.proxy.key, chatBody)).response();
    assert.match(messageIn('anthropic', response.body), /Anthropic clients is https:\/\/localhost\./);
    for (const [path, dialect, url] of [
      ['/v1/messages', 'anthropic', `https://localhost:${tls.proxy.port}`],
      ['/v1/api/chat', 'ollama', `https://localhost:${tls.proxy.port}`],
      ['/v1/chat/completions', 'openai', `https://localhost:${tls.proxy.port}/v1`],
    ] as const) {
      const plain = await tls.proxy.dial();
      const refused = await plain.send(post(path, tls.proxy.key, '')).response();
      assert.ok(
        messageIn(dialect, refused.body).includes(`Use ${url} as the base URL`),
        refused.body.toString(),
      );
      plain.close();
    }
  } finally {
    await tls.close();
  }
});

describe('a body that cannot be used', () => {
  test('of an audio route is told about multipart', async () => {
    for (const type of [
      'multipart/form-data',
      'multipart/form-data; boundary=',
      'multipart/form-data; boundary=b',
    ]) {
      const bytes = post('/v1/audio/transcriptions', fixture.key, 'no form').replace(
        'application/json',
        type,
      );
      const response = await fixture.ask(bytes);
      assert.equal(response.status, 400);
      assert.match(response.body.toString(), /Send multipart\/form-data with its boundary/);
      assert.doesNotMatch(response.body.toString(), /JSON object/);
    }
    const json = await fixture.ask(post('/v1/audio/transcriptions', fixture.key, '{"model":"m"}'));
    assert.match(json.body.toString(), /Send multipart\/form-data/);
    await fixture.assertUnharmed();
  });
  test('of a JSON route is told about JSON', async () => {
    const response = await fixture.ask(post('/v1/chat/completions', fixture.key, '[]'));
    assert.match(response.body.toString(), /Send one JSON object/);
    await fixture.assertUnharmed();
  });
});

describe('GET /', () => {
  const root = () => get('/', fixture.key);
  test("is Ollama's own text where an Ollama is up that the key may use", async () => {
    const response = await fixture.ask(root());
    assert.equal(response.status, 200);
    assert.equal(response.body.toString(), 'Ollama is running');
    assert.match(response.field('content-type') ?? '', /^text\/plain/);
    const head = await fixture.askToTheEnd(
      get('/', fixture.key, 'Connection: close\r\n').replace('GET', 'HEAD'),
    );
    assert.match(head, /^HTTP\/1\.1 200 OK\r\n(?:.*\r\n)*content-length: 17\r\n(?:.*\r\n)*\r\n$/);
    await fixture.assertUnharmed();
  });
  test('is for any valid key, and for nobody without one', async () => {
    const key = fixture.addKey({ scopes: ['metrics'], endpoints: ['embeddings'] });
    assert.equal((await fixture.ask(get('/', key))).status, 200);
    assert.equal((await fixture.ask('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')).status, 401);
    assert.equal((await fixture.ask(get('/', 'flm_wrong'))).status, 401);
    await fixture.assertUnharmed();
  });
  test('names the base URLs where none is', async () => {
    const named = {
      status: 'up',
      base_urls: { openai: 'http://localhost/v1', anthropic: 'http://localhost' },
    };
    const other = fixture.addKey({ engines: ['another'] });
    assert.deepEqual(JSON.parse((await fixture.ask(get('/', other))).body.toString()), named);
    fixture.proxy.directory.states.set('e', 'down');
    assert.deepEqual(JSON.parse((await fixture.ask(root())).body.toString()), named);
    fixture.proxy.directory.states.clear();
    await fixture.assertUnharmed();
  });
});
