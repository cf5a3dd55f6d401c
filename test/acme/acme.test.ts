/**
 * `https-acme` as people meet it: the built command line against Pebble, a real ACME server.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer as createEngine, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { request as secureRequest } from 'node:https';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { assertMistake, makeCli, type Ran, type TestCli } from '../helpers/cli.ts';
import { freePort } from '../helpers/free-ports.ts';
import { noPebble, type Pebble, type PebbleOptions, startPebble } from '../helpers/pebble.ts';
import { createKey } from '../helpers/start-proxy.ts';

const domain = 'llm.example.org';

interface Started {
  readonly id: string;
  readonly pid: number;
  readonly port: number;
  readonly url: string;
  readonly certificate: {
    names: string[];
    fingerprint: string;
    expiresAt: string;
    renewsAt: string;
    renewalFailures: number;
  };
  readonly warnings: readonly string[];
}

interface Fixture {
  readonly cli: TestCli;
  readonly pebble: Pebble;
  start(...more: readonly string[]): Promise<Ran>;
  /** As a person reads it. */
  refused(sentence: RegExp, ...more: readonly string[]): Promise<Ran>;
}

async function fixtureOf(t: TestContext, options: PebbleOptions = {}): Promise<Fixture> {
  const pebble = await startPebble(t, options);
  const cli = makeCli(t, { PATH: process.env.PATH });
  return {
    cli,
    pebble,
    start: (...more) => cli.run('proxy', 'start', ...flags(pebble), '--json', ...more),
    async refused(sentence, ...more) {
      const failed = await cli.run('proxy', 'start', ...flags(pebble), ...more);
      assertMistake(failed, sentence);
      return failed;
    },
  };
}

const flags = (pebble: Pebble): readonly string[] => [
  ...['--mode', 'https-acme', '--bind', '127.0.0.1', '--demo', '--domain', domain],
  ...['--acme-directory', pebble.directory, '--acme-ca', pebble.caFile, '--acme-accept-terms'],
];

function started(ran: Ran): Started {
  assert.equal(ran.code, 0, ran.stderr);
  return ran.json<Started>();
}

async function assertNothingLeft(cli: TestCli): Promise<void> {
  assert.deepEqual((await cli.run('proxy', 'status', '--json')).json(), { proxies: [] });
  const files = existsSync(join(cli.home, 'tls')) ? readdirSync(join(cli.home, 'tls')) : [];
  assert.deepEqual(
    files.filter((file) => /\.(pem|part|order)$/.test(file)),
    [],
  );
}

const ran = (command: string, args: readonly string[]) =>
  new Promise<{ code: number; output: string }>((resolve) => {
    const child = execFile(command, args, (error, stdout, stderr) =>
      resolve({
        code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1,
        output: stdout + stderr,
      }),
    );
    child.stdin?.end();
  });

/** openssl and curl accept the certificate by the root that Pebble issues under; curl with the system's does not. */
async function assertTrusted(pebble: Pebble, host: string, port: number): Promise<void> {
  const root = await pebble.rootFile();
  const openssl = await ran('openssl', [
    ...['s_client', '-connect', `127.0.0.1:${port}`, '-servername', host, '-verify_hostname', host],
    ...['-CAfile', root, '-verify_return_error'],
  ]);
  assert.equal(openssl.code, 0, openssl.output);
  const curl = ['-sS', '-m', '20', '--noproxy', '*', '--resolve', `${host}:${port}:127.0.0.1`];
  const page = await ran('curl', [...curl, '--cacert', root, `https://${host}:${port}/health`]);
  assert.match(page.output, /"status":"up"/);
  assert.notEqual((await ran('curl', [...curl, `https://${host}:${port}/health`])).code, 0);
}

const orders = (pebble: Pebble): number => pebble.log().split('POST /order-plz').length - 1;

test('one command obtains a certificate by http-01 that openssl and curl accept; the next start asks nobody', {
  skip: noPebble,
}, async (t) => {
  const { cli, pebble, start } = await fixtureOf(t);
  const port = await freePort();
  const here = ['--port', String(port), '--acme-http-port', String(pebble.httpPort)];

  const begunMs = performance.now();
  const proxy = started(await start(...here, '--acme-email', 'somebody@example.org'));
  t.diagnostic(`from command to endpoint: ${Math.round(performance.now() - begunMs)} ms`);

  assert.equal(proxy.url, `https://${domain}:${port}`);
  assert.deepEqual(proxy.certificate.names, [domain]);
  await assertTrusted(pebble, domain, proxy.port);
  for (const file of readdirSync(join(cli.home, 'tls')).filter((name) => !/\.crt$/.test(name)))
    assert.equal(statSync(join(cli.home, 'tls', file)).mode & 0o077, 0, file);
  const shown = (await cli.run('cert', 'show', '--json')).json<{ certificates: { origin: string }[] }>();
  assert.deepEqual(
    shown.certificates.map((c) => c.origin),
    ['acme'],
  );
  await cli.run('proxy', 'stop');
  await pebble.stop();
  const again = started(await start(...here));
  assert.equal(again.certificate.fingerprint, proxy.certificate.fingerprint);
  // By the certificate itself: its domain leads nowhere here.
  assert.match((await cli.run('up')).stdout, /models +flm-demo/);
  assert.match((await cli.run('chat', '-m', 'hello')).stdout, /demo engine/);
});

test('the plain port sends people to HTTPS, and takes no key', { skip: noPebble }, async (t) => {
  const { cli, pebble, start } = await fixtureOf(t);
  const key = await createKey(cli, 'laptop');
  const proxy = started(await start('--port', '0', '--acme-http-port', String(pebble.httpPort)));
  const ask = async (path: string, headers: Readonly<Record<string, string>> = {}, method = 'GET') => {
    const sent = request({ host: '127.0.0.1', port: pebble.httpPort, path, method, agent: false });
    for (const [name, value] of Object.entries({ host: domain, ...headers })) sent.setHeader(name, value);
    sent.end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    response.resume();
    return response;
  };

  const moved = await ask('/v1/models?x=1');
  assert.equal(moved.statusCode, 308);
  assert.equal(moved.headers.location, `https://${domain}:${proxy.port}/v1/models?x=1`);
  assert.equal((await ask('/', { host: 'attacker.example' })).statusCode, 421);
  assert.equal((await ask('/.well-known/acme-challenge/nothing-here')).statusCode, 404);
  assert.equal((await ask('/v1/models', {}, 'POST')).statusCode, 405);
  const refused = await ask('/v1/models', { authorization: `Bearer ${key.key}` });
  assert.equal(refused.statusCode, 403);
  await cli.run('proxy', 'stop');
  const log = readFileSync(join(cli.home, 'logs', 'default.log'), 'utf8');
  assert.match(log, new RegExp(`crossed the network in plain text[^\\n]*${key.id}|${key.id}[^\\n]*crossed`));
  assert.ok(!log.includes(key.key));
});

test('tls-alpn-01 proves on the HTTPS port itself', { skip: noPebble }, async (t) => {
  const { pebble, start } = await fixtureOf(t);
  const proxy = started(
    await start(
      '--port',
      String(pebble.tlsPort),
      '--acme-challenge',
      'tls-alpn-01',
      '--domain',
      'b.example.org',
    ),
  );
  assert.deepEqual(proxy.certificate.names.toSorted(), ['b.example.org', domain]);
  await assertTrusted(pebble, 'b.example.org', proxy.port);
});

test('dns-01 proves a wildcard and its parent by the hook', { skip: noPebble }, async (t) => {
  const { cli, pebble, start } = await fixtureOf(t);
  const proxy = started(
    await start('--port', '0', '--acme-dns-hook', pebble.dnsHook, '--domain', `*.${domain}`),
  );
  assert.deepEqual(proxy.certificate.names.toSorted(), [`*.${domain}`, domain]);
  await assertTrusted(pebble, `a.${domain}`, proxy.port);
  const log = readFileSync(join(cli.home, 'logs', 'default.log'), 'utf8');
  assert.equal(log.split(`hook add _acme-challenge.${domain}`).length - 1, 2);
  assert.equal(log.split(`hook remove _acme-challenge.${domain}`).length - 1, 2);
});

test('refused nonces and a slow CA only take longer', { skip: noPebble }, async (t) => {
  const { pebble, start } = await fixtureOf(t, { rejectNonces: 90, slowSeconds: 3 });
  const proxy = started(await start('--port', '0', '--acme-http-port', String(pebble.httpPort)));
  assert.deepEqual(proxy.certificate.names, [domain]);
});

test('a proof that fails is told with its name, what the CA said, and what to check; nothing is left', {
  skip: noPebble,
}, async (t) => {
  const { cli, refused } = await fixtureOf(t);
  const elsewhere = await freePort();
  const failed = await refused(
    /http-01 did not prove llm\.example\.org: the CA said ".*" \(connection\)/,
    ...['--port', '0', '--acme-http-port', String(elsewhere)],
  );
  assert.match(failed.stderr, new RegExp(`port 80 there is forwarded to port ${elsewhere} here`));
  await assertNothingLeft(cli);
});

test('five orders that fail are the last for a day, until somebody asks', { skip: noPebble }, async (t) => {
  const { cli, pebble, start, refused } = await fixtureOf(t);
  const elsewhere = await freePort();
  const here = ['--port', '0', '--acme-http-port', String(pebble.httpPort)];
  for (let i = 0; i < 5; i += 1)
    await refused(/did not prove/, '--port', '0', '--acme-http-port', String(elsewhere));
  assert.equal(orders(pebble), 5);

  const sixth = await refused(/5 orders failed within a day/, ...here);
  assert.match(sixth.stderr, /Try again after \d{4}-\d\d-\d\d \d\d:\d\d UTC/);
  assert.equal(orders(pebble), 5);

  assert.equal((await cli.run('cert', 'renew')).code, 0);
  started(await start(...here));
});

test('a directory that is not trusted, not there, or whose terms are not accepted is told as such', {
  skip: noPebble,
}, async (t) => {
  const { cli, pebble } = await fixtureOf(t);
  const nobody = await freePort();
  const start = (...more: readonly string[]) =>
    cli.run(
      'proxy',
      'start',
      '--mode',
      'https-acme',
      '--bind',
      '127.0.0.1',
      '--port',
      '0',
      '--domain',
      domain,
      ...more,
    );

  assertMistake(
    await start(
      '--acme-directory',
      pebble.directory,
      '--acme-accept-terms',
      '--acme-http-port',
      String(pebble.httpPort),
    ),
    /is not trusted .*\n.*--acme-ca/,
  );
  assertMistake(
    await start(
      '--acme-directory',
      `https://localhost:${nobody}/dir`,
      '--acme-http-port',
      String(pebble.httpPort),
    ),
    /cannot be reached \(ECONNREFUSED\)/,
  );
  assertMistake(
    await start(
      '--acme-directory',
      pebble.directory,
      '--acme-ca',
      pebble.caFile,
      '--acme-http-port',
      String(pebble.httpPort),
    ),
    /terms of service are not accepted yet.*\n.*--acme-accept-terms/,
  );
  assertMistake(
    await start(
      '--acme-directory',
      pebble.directory,
      '--acme-ca',
      '/nowhere.pem',
      '--acme-http-port',
      String(pebble.httpPort),
    ),
    /the file \/nowhere\.pem cannot be read/,
  );
  await assertNothingLeft(cli);
});

test('a port for http-01 that somebody holds is told, with what else would do', {
  skip: noPebble,
}, async (t) => {
  const { cli, refused } = await fixtureOf(t);
  const holder = createServer().listen(0, '127.0.0.1');
  t.after(() => holder.close());
  await once(holder, 'listening');
  const { port } = holder.address() as AddressInfo;
  await refused(
    new RegExp(`http-01 needs port ${port}, and flm cannot listen there: Port ${port} .* in use`),
    ...['--port', '0', '--acme-http-port', String(port)],
  );
  await assertNothingLeft(cli);
});

test('a plain port that is taken does not keep a proxy with a certificate from starting, and is opened when it is free', {
  skip: noPebble,
}, async (t) => {
  const { cli, pebble, start } = await fixtureOf(t);
  const here = ['--port', '0', '--acme-http-port', String(pebble.httpPort)];
  started(await start(...here));
  await cli.run('proxy', 'stop');
  const holder = createServer().listen(pebble.httpPort, '127.0.0.1');
  await once(holder, 'listening');
  started(await start(...here));
  await once(holder.close(), 'close');

  const untilMs = performance.now() + 120_000;
  let status: number | undefined;
  while (status !== 308) {
    assert.ok(performance.now() < untilMs, 'the plain port was not opened');
    status = await new Promise((resolve) => {
      const sent = request({
        host: '127.0.0.1',
        port: pebble.httpPort,
        agent: false,
        headers: { host: domain },
      });
      sent.on('response', (response) => resolve(response.resume().statusCode));
      sent.on('error', () => resolve(undefined));
      sent.end();
    });
  }
});

test('every fault of the domains and of the hook is told at once', async (t) => {
  const cli = makeCli(t);
  const wrong = [
    'localhost',
    'a_b.example.org',
    `${'a.'.repeat(130)}org`,
    '192.0.2.1',
    'bad..name.org',
    '*.example.org',
  ];
  const refused = await cli.run(
    ...[
      'proxy',
      'start',
      '--mode',
      'https-acme',
      '--acme-challenge',
      'tls-alpn-01',
      '--acme-email',
      'nobody',
    ],
    ...wrong.flatMap((name) => ['--domain', name]),
  );
  assert.equal(refused.code, 1);
  for (let index = 0; index < wrong.length - 1; index += 1)
    assert.match(refused.stderr, new RegExp(`domains\\.${index}\\) is `));
  assert.match(refused.stderr, /acme\.email/);
});

test('two proxies that share a domain obtain one certificate, and renew it once', {
  skip: noPebble,
}, async (t) => {
  const { cli, pebble } = await fixtureOf(t);
  for (const profile of ['a', 'b']) {
    const saved = await cli.run(
      ...['profile', 'save', profile, '--port', '0', '--acme-dns-hook', pebble.dnsHook],
      ...flags(pebble),
    );
    assert.equal(saved.code, 0, saved.stderr);
  }
  const [a, b] = (
    await Promise.all([cli.run('proxy', 'start', 'a', '--json'), cli.run('proxy', 'start', 'b', '--json')])
  ).map(started);
  assert.equal(a?.certificate.fingerprint, b?.certificate.fingerprint);
  assert.equal(orders(pebble), 1);

  const renewed = (await cli.run('cert', 'renew', '--json')).json<{
    renewed: { certificate: { fingerprint: string } }[];
  }>();
  assert.equal(new Set(renewed.renewed.map((r) => r.certificate.fingerprint)).size, 1);
  assert.equal(orders(pebble), 2);
});

test('a renewal that fails is seen in status, metrics and log, and the old certificate stays', {
  skip: noPebble,
}, async (t) => {
  const { cli, pebble, start } = await fixtureOf(t);
  const proxy = started(await start('--port', '0', '--acme-http-port', String(pebble.httpPort)));
  const created = await cli.run('key', 'create', 'scraper', '--scope', 'metrics', '--json');
  const { key } = created.json<{ key: string }>();
  await pebble.stop();

  assertMistake(await cli.run('cert', 'renew'), /cannot be reached \(ECONNREFUSED\)/);

  const status = (await cli.run('proxy', 'status', '--json')).json<{ proxies: Started[] }>().proxies[0];
  assert.equal(status?.certificate.fingerprint, proxy.certificate.fingerprint);
  assert.equal(status?.certificate.renewalFailures, 1);
  assert.match(status?.warnings.join() ?? '', /The certificate was not renewed: .*ECONNREFUSED/);
  const sent = secureRequest({
    ...{ host: '127.0.0.1', port: proxy.port, path: '/metrics', agent: false, rejectUnauthorized: false },
    headers: { host: domain, authorization: `Bearer ${key}` },
  });
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const metrics = Buffer.concat(await response.toArray()).toString();
  assert.match(metrics, /^flm_certificate_renewal_failures_total 1$/m);
  const expiry = Date.parse(proxy.certificate.expiresAt) / 1000;
  assert.match(metrics, new RegExp(`^flm_certificate_not_after_seconds ${expiry}$`, 'm'));
  await cli.run('proxy', 'stop');
  assert.match(
    readFileSync(join(cli.home, 'logs', 'default.log'), 'utf8'),
    /"level":"error".*ECONNREFUSED.*the certificate was not renewed/,
  );
});

test('ten renewals under fifty open streams and steady short requests fail none of them', {
  skip: noPebble,
}, async (t) => {
  const { cli, pebble } = await fixtureOf(t);
  const engine = await tickingEngine(t);
  const key = (await createKey(cli, 'load')).key;
  const proxy = started(
    await cli.run(
      ...['proxy', 'start', ...flags(pebble).filter((flag) => flag !== '--demo'), '--json', '--port', '0'],
      ...['--engine', engine.url, '--acme-http-port', String(pebble.httpPort)],
    ),
  );
  const ca = readFileSync(await pebble.rootFile());
  const ask = async (path: string, body?: string): Promise<IncomingMessage> => {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json', host: domain };
    const sent = secureRequest({
      ...{ host: '127.0.0.1', servername: domain, port: proxy.port, path, ca, headers, agent: false },
      method: body === undefined ? 'GET' : 'POST',
    });
    sent.end(body);
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    assert.equal(response.statusCode, 200);
    return response;
  };
  const body = JSON.stringify({ model: 'm', stream: true, messages: [{ role: 'user', content: 'x' }] });
  const streams = await Promise.all(Array.from({ length: 50 }, () => ask('/v1/chat/completions', body)));
  const texts = streams.map(async (stream) => Buffer.concat(await stream.toArray()).toString());
  let short = 0;
  let renewing = true;
  const steady = (async (): Promise<void> => {
    while (renewing) {
      (await ask('/v1/models')).resume();
      short += 1;
    }
  })();

  const fingerprints = new Set([proxy.certificate.fingerprint]);
  for (let i = 0; i < 10; i += 1) {
    const { renewed } = (await cli.run('cert', 'renew', '--json')).json<{
      renewed: readonly { certificate: { fingerprint: string } }[];
    }>();
    fingerprints.add(renewed[0]?.certificate.fingerprint ?? '');
  }
  renewing = false;
  await steady;
  const { socket } = await ask('/v1/models');
  assert.equal((socket as TLSSocket).getPeerX509Certificate()?.fingerprint256, [...fingerprints].at(-1));
  socket.destroy();
  engine.finish();
  const whole = await Promise.all(texts);

  assert.equal(fingerprints.size, 11);
  assert.equal(orders(pebble), 11);
  t.diagnostic(`${short} short requests meanwhile`);
  assert.ok(short > 50);
  for (const text of whole) {
    assert.match(text, /data: \[DONE\]\n\n$/);
    assert.doesNotMatch(text, /error/);
  }
});

/** An engine whose streams go on until it is told. */
async function tickingEngine(t: TestContext): Promise<{ readonly url: string; finish(): void }> {
  const streams = new Set<ServerResponse>();
  const server = createEngine((asked, response) => {
    asked.resume();
    if (asked.method === 'GET')
      return void response
        .setHeader('content-type', 'application/json')
        .end(JSON.stringify({ object: 'list', data: [{ id: 'm', object: 'model' }] }));
    response.setHeader('content-type', 'text/event-stream');
    streams.add(response);
  }).listen(0, '127.0.0.1');
  const ticking = setInterval(() => {
    for (const stream of streams) stream.write('data: {"choices":[{"delta":{"content":"x"}}]}\n\n');
  }, 20);
  const finish = (): void => {
    clearInterval(ticking);
    for (const stream of streams)
      stream.end('data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n');
    streams.clear();
  };
  t.after(() => {
    finish();
    server.close();
    server.closeAllConnections();
  });
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, finish };
}

for (const challenge of ['http-01', 'tls-alpn-01'] as const) {
  test(`a restart during a renewal by ${challenge} hands the plain port over, and one certificate is issued`, {
    skip: noPebble,
  }, async (t) => {
    const { cli, pebble } = await fixtureOf(t);
    const port = challenge === 'http-01' ? '0' : String(pebble.tlsPort);
    const ports = ['--port', port, '--acme-http-port', String(pebble.httpPort)];
    const acme = ['--acme-challenge', challenge];
    const first = started(await cli.run('proxy', 'start', ...flags(pebble), '--json', ...ports, ...acme));
    const faults: string[] = [];
    let asked = 0;
    const asks = new Set<Promise<void>>();
    const knock = async (): Promise<void> => {
      const sent = request({
        host: '127.0.0.1',
        port: pebble.httpPort,
        headers: { host: domain },
        agent: false,
      });
      sent.end();
      const [response] = (await once(sent, 'response')) as [IncomingMessage];
      if (response.statusCode !== 308) faults.push(String(response.statusCode));
      response.resume();
      asked += 1;
    };
    const timer = setInterval(() => {
      if (challenge !== 'http-01') return;
      const ask = knock().catch((error: unknown) => void faults.push(String(error)));
      asks.add(ask);
      void ask.then(() => asks.delete(ask));
    }, 5);
    t.after(() => clearInterval(timer));

    const fingerprints = [first.certificate.fingerprint];
    for (let n = 0; n < 3; n += 1) {
      const [renewal, restart] = await Promise.all([
        cli.run('cert', 'renew', '--json'),
        cli.run('proxy', 'restart', '--json'),
      ]);
      assert.equal(restart.code, 0, restart.stderr);
      assert.equal(renewal.code, 0, renewal.stderr);
      const { proxies } = (await cli.run('proxy', 'status', '--json')).json<{
        proxies: (Started & { state: string })[];
      }>();
      fingerprints.push(proxies.find((p) => p.state === 'running')?.certificate.fingerprint ?? '');
    }
    clearInterval(timer);
    await Promise.all(asks);
    assert.deepEqual(faults, []);
    assert.ok(challenge !== 'http-01' || asked > 0);
    assert.equal(new Set(fingerprints).size, 4);
    // An order that had shown nothing yet is begun again; no certificate is issued twice.
    assert.equal(pebble.log().match(/Issued certificate serial/g)?.length, 4);
  });
}
