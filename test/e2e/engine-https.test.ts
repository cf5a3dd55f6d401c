/** Engines behind a certificate of their own: with the CA's file they are used, without it nothing is sent to them. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { makeCli } from '../helpers/cli.ts';
import { createKey } from '../helpers/start-proxy.ts';
import { testCertificate } from '../helpers/test-certificate.ts';

interface TlsEngine {
  readonly url: string;
  readonly cert: string;
  readonly asked: readonly string[];
}

async function startTlsEngine(t: TestContext): Promise<TlsEngine> {
  const pair = testCertificate('localhost', '127.0.0.1');
  const asked: string[] = [];
  const server = createServer(pair, (request, response) => {
    asked.push(`${request.method} ${request.url}`);
    const body =
      request.url === '/v1/models'
        ? '{"object":"list","data":[{"id":"m","object":"model"}]}'
        : request.method === 'POST'
          ? '{"choices":[{"finish_reason":"stop"}]}'
          : undefined;
    response.writeHead(body === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(body ?? '{}');
    request.resume();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  return { url: `https://localhost:${port}`, cert: pair.cert, asked };
}

test('an engine with a certificate of its own is used with its CA, after a restart of the proxy too', async (t) => {
  const cli = makeCli(t);
  const engine = await startTlsEngine(t);
  const file = join(cli.folder, 'engine-ca.pem');
  writeFileSync(file, engine.cert);

  const added = await cli.run('engine', 'add', engine.url, '--id', 'far', '--ca', 'engine-ca.pem', '--json');
  assert.equal(added.code, 0, added.stderr);
  const { key } = await createKey(cli, 'a');
  await cli.run('proxy', 'start', '--port', '0', '--json');
  const restarted = await cli.run('proxy', 'restart', '--json');
  const { url } = restarted.json<{ url: string }>();
  const answer = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: '{"model":"m","messages":[]}',
  });

  assert.equal(answer.status, 200, await answer.text());
  assert.ok(engine.asked.includes('POST /v1/chat/completions'));
});

test('without the CA nothing is sent to it, and the reason names the flag', async (t) => {
  const cli = makeCli(t);
  const engine = await startTlsEngine(t);

  const tested = await cli.run('engine', 'test', engine.url, '--kind', 'vllm');

  assert.match(tested.stdout + tested.stderr, /shows a certificate that .*--ca FILE/);
  assert.deepEqual(engine.asked, []);
});

test('a CA that cannot be used is refused, and nothing is saved', async (t) => {
  const cli = makeCli(t);
  const engine = await startTlsEngine(t);
  const rubbish = join(cli.folder, 'rubbish.pem');
  writeFileSync(rubbish, 'rubbish');
  const good = join(cli.folder, 'good.pem');
  writeFileSync(good, engine.cert);

  const cases: readonly [string, string, RegExp][] = [
    [engine.url, rubbish, /certificates in PEM/],
    [engine.url, join(cli.folder, 'absent.pem'), /a file that can be read/],
    [engine.url.replace('https:', 'http:'), good, /the URL has https:/],
  ];
  for (const [url, file, reason] of cases) {
    const added = await cli.run('engine', 'add', url, '--ca', file);
    assert.equal(added.code, 1);
    assert.match(added.stderr, reason);
  }
  assert.deepEqual((await cli.run('engine', 'list', '--json')).json<{ engines: unknown[] }>().engines, []);
});
