/** The dashboard's server from outside: what a page of another origin, a proxy or a stolen cookie reaches. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { PassThrough } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { brotliCompressSync } from 'node:zlib';
import type { AdminApi, AdminRequest } from '../admin/admin-api.ts';
import { Sessions } from './sessions.ts';
import { StaticFile } from './static-file.ts';
import { startUiServer } from './ui-server.ts';

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

type Headers = Readonly<Record<string, string>>;

async function started(t: TestContext) {
  const sessions = new Sessions({ nowMs: () => Date.now() });
  const seen: string[] = [];
  const stream = { parts: new PassThrough({ encoding: 'utf8' }), left: Promise.withResolvers<void>() };
  const api = {
    handle: async ({ method, target, body, signal }: AdminRequest) => {
      seen.push(`${method} ${target} ${body}`);
      if (target === streamPath) {
        signal?.addEventListener('abort', () => stream.left.resolve());
        return { status: 200, headers: { 'content-type': 'text/event-stream' }, body: stream.parts };
      }
      return { status: 200, headers: { 'content-type': 'application/json' }, body: '{}' };
    },
  };
  const ui = await startUiServer({
    // The operations have their own tests.
    api: api as unknown as AdminApi,
    sessions,
    files: new Map([['index.html', new StaticFile('text/html', brotliCompressSync('<title>flm</title>'))]]),
    caller: { actor: 'ui:test', scopes: ['admin'], address: undefined },
    port: 0,
    onError: (error) => assert.fail(String(error)),
  });
  t.after(() => ui.close());
  const own = `127.0.0.1:${ui.port}`;
  const call = (method: string, path: string, headers: Headers = {}, body = ''): Promise<Reply> =>
    new Promise((resolve, reject) => {
      const sent = request({
        port: ui.port,
        host: '127.0.0.1',
        method,
        path,
        headers: { host: own, ...headers },
      });
      sent.on('error', reject);
      sent.on('response', (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
        );
      });
      sent.end(body);
    });
  const sameOrigin = { 'sec-fetch-site': 'same-origin', origin: `http://${own}` };
  const signIn = async (): Promise<Headers> => {
    const body = `ticket=${sessions.issueTicket()}`;
    const redirect = await call(
      'POST',
      '/flm/session/redeem',
      { origin: 'null', 'sec-fetch-site': 'cross-site' },
      body,
    );
    assert.equal(redirect.status, 303);
    const cookie = String(redirect.headers['set-cookie']).split(';')[0] ?? '';
    const code = String(redirect.headers.location).split('#code=')[1];
    const opened = await call(
      'POST',
      '/flm/session/open',
      { ...sameOrigin, cookie },
      JSON.stringify({ code }),
    );
    return { ...sameOrigin, cookie, 'x-flm-session': JSON.parse(opened.body).token };
  };
  return { ui, sessions, call, signIn, seen, sameOrigin, own, stream };
}

const api = '/flm/api/v1/keys';
const streamPath = '/flm/api/v1/requests/events';

test('the file of flm ui signs in, and the page then reaches the API', async (t) => {
  const { call, signIn, seen } = await started(t);
  const headers = await signIn();
  assert.equal((await call('GET', api, headers)).status, 200);
  assert.equal((await call('POST', `${api}?x=1`, headers, '{"a":1}')).status, 200);
  assert.deepEqual(seen, [`GET ${api} `, `POST ${api}?x=1 {"a":1}`]);
});

test('a printed link signs in by a call of the page itself, once', async (t) => {
  const { call, sessions, sameOrigin, seen } = await started(t);
  const body = JSON.stringify({ ticket: sessions.issueTicket() });
  assert.equal(
    (await call('POST', '/flm/session/open', { origin: 'https://evil.example' }, body)).status,
    403,
  );
  const opened = await call('POST', '/flm/session/open', sameOrigin, body);
  const cookie = String(opened.headers['set-cookie']).split(';')[0] ?? '';
  const headers = { ...sameOrigin, cookie, 'x-flm-session': JSON.parse(opened.body).token };
  assert.equal((await call('GET', api, headers)).status, 200);
  assert.equal(seen.length, 1);
  assert.equal((await call('POST', '/flm/session/open', sameOrigin, body)).status, 401);
});

test('a part of a session, another origin, a foreign Host and a forwarding proxy reach nothing', async (t) => {
  const { call, signIn, seen, own } = await started(t);
  const all = await signIn();
  const { 'x-flm-session': token = '', cookie = '', ...sameOrigin } = all;
  const attempts: readonly (readonly [number, Headers])[] = [
    [403, {}],
    [401, sameOrigin],
    [401, { ...sameOrigin, cookie }],
    [401, { ...sameOrigin, 'x-flm-session': token }],
    [401, { ...all, 'x-flm-session': `${token}x` }],
    [403, { cookie, 'x-flm-session': token }],
    [403, { ...all, 'sec-fetch-site': 'same-site' }],
    [403, { ...all, 'sec-fetch-site': 'cross-site', origin: 'null' }],
    [403, { ...all, 'sec-fetch-site': 'none' }],
    [403, { ...all, origin: 'http://127.0.0.1:1' }],
    [421, { ...all, host: 'evil.example' }],
    [421, { ...all, host: '127.0.0.1' }],
    [403, { ...all, 'x-forwarded-for': '192.0.2.1' }],
    [403, { ...all, 'x-forwarded-proto': 'https' }],
    [403, { ...all, forwarded: 'for=192.0.2.1' }],
    [403, { ...all, via: '1.1 proxy' }],
    [403, { ...all, 'x-real-ip': '192.0.2.1' }],
  ];
  for (const [status, headers] of attempts)
    for (const method of ['GET', 'POST'])
      assert.equal((await call(method, api, headers)).status, status, `${method} ${JSON.stringify(headers)}`);
  assert.deepEqual(seen, []);
  assert.equal((await call('GET', api, { ...all, host: own.replace('127.0.0.1', 'localhost') })).status, 200);
});

test('a guessed ticket signs nobody in and sets no cookie', async (t) => {
  const { call } = await started(t);
  const reply = await call('POST', '/flm/session/redeem', { origin: 'null' }, 'ticket=guess');
  assert.deepEqual([reply.status, reply.headers.location], [303, '/flm/#expired']);
  assert.equal(reply.headers['set-cookie'], undefined);
});

test('every response forbids framing, sniffing, referrers and foreign scripts', async (t) => {
  const { call, signIn } = await started(t);
  const headers = await signIn();
  for (const reply of [
    await call('GET', '/flm/'),
    await call('GET', '/nothing'),
    await call('GET', api),
    await call('GET', api, headers),
  ]) {
    assert.match(
      String(reply.headers['content-security-policy']),
      /default-src 'none'.*frame-ancestors 'none'/,
    );
    assert.equal(reply.headers['x-content-type-options'], 'nosniff');
    assert.equal(reply.headers['referrer-policy'], 'no-referrer');
    assert.equal(reply.headers['access-control-allow-origin'], undefined);
  }
});

test('static files are those of the build only', async (t) => {
  const { call } = await started(t);
  assert.equal((await call('GET', '/flm/')).body, '<title>flm</title>');
  assert.equal((await call('HEAD', '/flm/')).body, '');
  for (const path of [
    '/flm/../package.json',
    '/flm/%2e%2e/package.json',
    '/flm/toString',
    '/flm/__proto__',
    '/etc',
  ])
    assert.equal((await call('GET', path)).status, 404, path);
  assert.equal((await call('POST', '/flm/')).status, 405);
  assert.equal((await call('GET', '/')).headers.location, '/flm/');
});

test('sessions are listed and ended by a signed-in page', async (t) => {
  const { call, signIn } = await started(t);
  const [a, b] = [await signIn(), await signIn()];
  const { items } = JSON.parse((await call('GET', '/flm/session', a)).body);
  const other = items.find((session: { current: boolean }) => !session.current);
  assert.equal(items.length, 2);
  assert.equal((await call('DELETE', `/flm/session/${other.id}`)).status, 403);
  assert.equal((await call('DELETE', `/flm/session/${other.id}`, a)).status, 204);
  assert.equal((await call('GET', api, b)).status, 401);
  assert.equal((await call('GET', '/flm/session')).status, 403);
});

test('a stream of events is sent part by part, with the same protection, until the page leaves', async (t) => {
  const { ui, signIn, call, stream, own } = await started(t);
  assert.equal((await call('GET', streamPath)).status, 403);
  const headers = await signIn();
  const sent = request({
    port: ui.port,
    host: '127.0.0.1',
    path: streamPath,
    headers: { host: own, ...headers },
  });
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  assert.equal(response.headers['content-type'], 'text/event-stream');
  assert.match(String(response.headers['content-security-policy']), /default-src 'none'/);
  const parts = response.setEncoding('utf8')[Symbol.asyncIterator]();
  for (const part of ['event: a\n\n', ':\n\n']) {
    stream.parts.write(part);
    assert.equal((await parts.next()).value, part);
  }
  response.destroy();
  await stream.left.promise;
});

test('a stream of events ends with its session', async (t) => {
  const { ui, signIn, stream, sessions, own } = await started(t);
  const headers = await signIn();
  const sent = request({
    port: ui.port,
    host: '127.0.0.1',
    path: streamPath,
    headers: { host: own, ...headers },
  });
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const parts = response.setEncoding('utf8')[Symbol.asyncIterator]();
  stream.parts.write('one');
  assert.equal((await parts.next()).value, 'one');
  for (const { id } of sessions.list()) sessions.end(id);
  stream.parts.write('two');
  assert.equal((await parts.next()).done, true);
});

test('a body that is too large is refused with a response', async (t) => {
  const { call, signIn } = await started(t);
  const headers = await signIn();
  for (const bytes of [1024 * 1024 + 1, 8 * 1024 * 1024])
    assert.equal((await call('POST', api, headers, 'x'.repeat(bytes))).status, 413);
  assert.equal((await call('POST', api, headers, '{}')).status, 200);
});
