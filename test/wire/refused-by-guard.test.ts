/**
 * What the HTTP parser in front accepts and flm must refuse, or must not let pass: the rules of the guard, the credential
 * fields, hop-by-hop fields, bodies that nobody asked for, and expectations.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { AttackFixture, chatBody } from '../helpers/attack-fixture.ts';
import { get, post } from '../helpers/test-gateway.ts';

let fixture: AttackFixture;
before(async () => {
  fixture = await AttackFixture.open({ config: { publicHosts: ['llm.example.org'] } });
});
after(() => fixture.close());

const chat = 'POST /v1/chat/completions';
const credential = () => `Authorization: Bearer ${fixture.key}\r\n`;
const length = chatBody.length;
const chunked = `${length.toString(16)}\r\n${chatBody}\r\n0\r\n\r\n`;

function code(said: string): string {
  const body = JSON.parse(said.slice(said.indexOf('\r\n\r\n') + 4)) as { error: { code: string } };
  return body.error.code;
}

/** One answer of flm's own, and the end of the connection. */
async function refused(bytes: string, status: number, expected?: string): Promise<void> {
  const said = await fixture.askToTheEnd(Buffer.from(bytes, 'latin1'));
  assert.match(said, new RegExp(`^HTTP/1\\.1 ${status} `));
  assert.match(said, /\r\nconnection: close\r\n/i);
  assert.equal(said.match(/HTTP\/1\.1 \d{3} /g)?.length, 1, 'one answer only');
  if (expected !== undefined) assert.equal(code(said), expected);
  await fixture.assertUnharmed();
}

describe('Host', () => {
  const malformed: readonly (readonly [name: string, fields: string])[] = [
    ['there is none', ''],
    ['there are two that differ', 'Host: localhost\r\nHost: evil.example\r\n'],
    ['there are two that agree', 'Host: localhost\r\nHost: localhost\r\n'],
    ['it is empty', 'Host: \r\n'],
    ['it holds a path', 'Host: localhost/v1/models?x=\r\n'],
    ['it holds a user', 'Host: a@localhost\r\n'],
    ['it is a list', 'Host: localhost, evil.example\r\n'],
    ['its port is none', 'Host: localhost:99999\r\n'],
    ['its port is a word', 'Host: localhost:http\r\n'],
    ['its literal is not closed', 'Host: [::1\r\n'],
    ['its literal is none', 'Host: [::g]\r\n'],
    ['it holds a space', 'Host: local host\r\n'],
    ['it holds a backslash', 'Host: localhost\\evil.example\r\n'],
    ['it holds an empty label', 'Host: localhost..\r\n'],
  ];
  for (const [name, fields] of malformed)
    test(`a request is refused when ${name}`, () =>
      refused(`GET /v1/models HTTP/1.1\r\n${fields}${credential()}\r\n`, 400, 'request_malformed'));

  test('a request of HTTP/1.0 needs none, and still a key', async () => {
    const answered = await fixture.askToTheEnd(`GET /v1/models HTTP/1.0\r\n${credential()}\r\n`);
    assert.match(answered, /^HTTP\/1\.1 200 OK\r\n/);
    assert.match(await fixture.askToTheEnd('GET /v1/models HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 401 /);
    await fixture.assertUnharmed();
  });

  const own = ['localhost', 'LOCALHOST:8484', 'localhost.', 'app.localhost', '127.0.0.1:8484', '[::1]:8484'];
  const named = [
    '192.168.1.20',
    'flm-test-host',
    'flm-test-host.local',
    'host.docker.internal',
    'llm.example.org',
  ];
  for (const host of [...own, ...named])
    test(`${host} is answered for`, async () => {
      const response = await fixture.ask(`GET /v1/models HTTP/1.1\r\nHost: ${host}\r\n${credential()}\r\n`);
      assert.equal(response.status, 200);
      await fixture.assertUnharmed();
    });

  test('a good name does not make the next one good on a kept-alive connection', async () => {
    const wire = await fixture.dial();
    assert.equal((await wire.send(get('/v1/models', fixture.key)).response()).status, 200);
    const evil = `GET /v1/models HTTP/1.1\r\nHost: attacker.example\r\n${credential()}\r\n`;
    assert.equal((await wire.send(evil).response()).status, 421);
    assert.equal((await wire.send(get('/v1/models', fixture.key)).response()).status, 200);
    await fixture.assertUnharmed();
  });
});

describe('the request line', () => {
  const targets: readonly (readonly [name: string, line: string])[] = [
    ['an authority that is not ours', 'GET http://evil.example/v1/models HTTP/1.1'],
    ['our authority, but not that of Host', 'GET http://127.0.0.1/v1/models HTTP/1.1'],
    ['our authority with a user', 'GET http://a@localhost/v1/models HTTP/1.1'],
    ['another scheme', 'GET ftp://localhost/v1/models HTTP/1.1'],
    ['an asterisk', 'OPTIONS * HTTP/1.1'],
    ['an asterisk for a method that has none', 'GET * HTTP/1.1'],
    ['a fragment', 'GET /v1/models#x HTTP/1.1'],
    ['a fragment behind a query', 'GET /v1/models?a#x HTTP/1.1'],
  ];
  for (const [name, line] of targets)
    test(`a target is refused that is ${name}`, () =>
      refused(`${line}\r\nHost: localhost\r\n${credential()}\r\n`, 400, 'request_malformed'));

  const lines: readonly (readonly [name: string, line: string])[] = [
    ['two spaces before the target', 'GET  /v1/models HTTP/1.1'],
    ['two spaces behind the target', 'GET /v1/models  HTTP/1.1'],
    ['many spaces', `GET${' '.repeat(300)}/v1/models${' '.repeat(300)}HTTP/1.1`],
    ['a tab before the target', 'GET\t/v1/models HTTP/1.1'],
    ['a tab behind the target', 'GET /v1/models\tHTTP/1.1'],
    ['a space and a tab', 'GET \t/v1/models HTTP/1.1'],
    ['a space in front', ' GET /v1/models HTTP/1.1'],
    ['a tab in front', '\tGET /v1/models HTTP/1.1'],
    ['a space at the end', 'GET /v1/models HTTP/1.1 '],
    ['a tab at the end', 'GET /v1/models HTTP/1.1\t'],
    ['a space in the version', 'GET /v1/models HTTP/ 1.1'],
    ['two spaces before an absolute target', 'GET  http://localhost/v1/models HTTP/1.1'],
    ['two spaces in HTTP/1.0', 'GET  /v1/models HTTP/1.0'],
  ];
  /** Read by flm, or by node:http: a value beyond ASCII is harmless, and not ordinary. */
  const others = ['', 'X-Name: \xe4\r\n'];
  for (const [name, line] of lines)
    test(`is refused with ${name}, first on a connection, later, or behind a body`, async () => {
      const head = (first: string): string => `${first} HTTP/1.1\r\nHost: localhost\r\n${credential()}`;
      for (const other of others) {
        const bytes = `${line}\r\nHost: localhost\r\n${credential()}${other}\r\n`;
        await refused(bytes, 400, 'request_malformed');
        for (const before of [
          `${head('GET /v1/models')}${other}\r\n`,
          `${head(chat)}${other}Content-Length: ${length}\r\n\r\n${chatBody}`,
          `${head(chat)}${other}Transfer-Encoding: chunked\r\n\r\n${chunked}`,
        ]) {
          const wire = await fixture.dial();
          const seen = fixture.engine.requests.length;
          assert.equal((await wire.send(before).response()).status, 200);
          assert.equal((await wire.send(Buffer.from(bytes, 'latin1')).response()).status, 400);
          assert.equal((await wire.rest()).length, 0);
          // Behind a request that is being answered, some of these end the connection without a word.
          const said = await fixture.askToTheEnd(Buffer.from(before + bytes, 'latin1'));
          assert.match(
            said.match(/HTTP\/1\.1 \d{3} /g)?.join('') ?? '',
            /^(HTTP\/1\.1 200 )?(HTTP\/1\.1 400 )?$/,
          );
          const chats = fixture.engine.requests.length - seen;
          assert.ok(chats <= (before.startsWith(chat) ? 2 : 0));
          await fixture.assertUnharmed(Array.from({ length: chats }, () => chat));
        }
      }
    });

  test('with single spaces is taken, also behind empty lines and in pieces', async () => {
    const bytes = `\r\n\r\nGET /v1/models HTTP/1.1\r\nHost: localhost\r\n${credential()}\r\n`;
    const wire = await fixture.dial();
    for (const cut of [1, 4, 7, 8, 9, 18, 19, 30]) {
      wire.send(bytes.slice(0, cut));
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal((await wire.send(bytes.slice(cut)).response()).status, 200, `cut at ${cut}`);
    }
    await fixture.assertUnharmed();
  });

  test('a target of our own authority is answered', async () => {
    const bytes = `GET http://localhost/v1/models HTTP/1.1\r\nHost: localhost\r\n${credential()}\r\n`;
    assert.equal((await fixture.ask(bytes)).status, 200);
    await fixture.assertUnharmed();
  });

  test('CONNECT ends the connection', async () => {
    const said = await fixture.askToTheEnd(
      `CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n${credential()}\r\nGET /v1/models HTTP/1.1\r\nHost: localhost\r\n${credential()}\r\n`,
    );
    assert.doesNotMatch(said, /^HTTP\/1\.1 [123]/);
    await fixture.assertUnharmed();
  });

  test('TRACE does not send a request back', async () => {
    const said = await fixture.askToTheEnd(
      `TRACE /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${credential()}\r\n`,
    );
    assert.match(said, /^HTTP\/1\.1 405 /);
    await fixture.assertUnharmed();
  });

  test('HTTP/0.9 is refused', () => refused('GET /v1/models\r\n\r\n', 505, 'http_version_unsupported'));
  test('HTTP/2.0 is refused', () =>
    refused(
      `GET /v1/models HTTP/2.0\r\nHost: localhost\r\n${credential()}\r\n`,
      505,
      'http_version_unsupported',
    ));
  test('HTTP/1.0 is answered, and its connection closed', async () => {
    const said = await fixture.askToTheEnd(
      `GET /v1/models HTTP/1.0\r\nHost: localhost\r\n${credential()}\r\n`,
    );
    assert.match(said, /^HTTP\/1\.1 200 /);
    assert.match(said, /\r\nconnection: close\r\n/i);
    await fixture.assertUnharmed();
  });
});

describe('a field that may come once', () => {
  const pairs: readonly (readonly [name: string, one: string, other: string])[] = [
    ['Content-Type', 'application/json', 'multipart/form-data; boundary=x'],
    ['Content-Type', 'application/json', 'application/json'],
    ['Content-Length', String(length), String(length)],
    ['Content-Length', String(length), '0'],
    ['Host', 'localhost', 'localhost'],
    ['Origin', 'https://app.example.org', 'https://evil.example'],
    ['Origin', 'null', 'null'],
    ['Access-Control-Request-Method', 'GET', 'DELETE'],
    ['Access-Control-Request-Private-Network', 'true', 'false'],
    ['Expect', '100-continue', '100-continue'],
  ];
  for (const [name, one, other] of pairs)
    test(`is refused twice: ${name} ${one}, ${other}`, async () => {
      const twice = `${name}: ${one}\r\nX-Between: y\r\n${name.toLowerCase()}: ${other}\r\n`;
      const rest = ['Host: localhost', `Content-Length: ${length}`].filter((line) => !line.startsWith(name));
      const bytes = `${chat} HTTP/1.1\r\n${credential()}${twice}${rest.join('\r\n')}\r\n\r\n${chatBody}`;
      for (const field of ['', 'X-Name: \xe4\r\n']) await refused(bytes.replace('\r\n', `\r\n${field}`), 400);
    });

  test('is another one than Content-Encoding, where two are a list that is not read', async () => {
    const fields = 'Content-Encoding: identity\r\nContent-Encoding: gzip\r\n';
    assert.equal(
      (await fixture.ask(post('/v1/chat/completions', fixture.key, chatBody, fields))).status,
      415,
    );
    await fixture.assertUnharmed();
  });

  test('is named by the refusal', async () => {
    const twice = 'Content-Type: a/b\r\nContent-Type: a/b\r\n';
    const response = await fixture.ask(get('/v1/models', fixture.key, twice));
    assert.match(response.body.toString(), /it has two Content-Type fields/);
    await fixture.assertUnharmed();
  });

  test('is another one than those that are lists, which reach the engine whole', async () => {
    const lists = [
      'Accept: a/b',
      'Accept: c/d',
      'anthropic-beta: e',
      'Anthropic-Beta: f',
      'OpenAI-Beta: g',
      'OpenAI-Beta: h',
    ];
    const response = await fixture.ask(
      post('/v1/chat/completions', fixture.key, chatBody, `${lists.join('\r\n')}\r\n`),
    );
    assert.equal(response.status, 200);
    const sent = fixture.engine.requests.at(-1);
    assert.equal(sent?.field('accept'), 'a/b, c/d');
    assert.equal(sent?.field('anthropic-beta'), 'e, f');
    assert.equal(sent?.field('openai-beta'), 'g, h');
    await fixture.assertUnharmed([chat]);
  });

  test('is another one than traceparent: two are as good as none, and their state is dropped', async () => {
    const parent = 'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n';
    const fields = `${parent}${parent}tracestate: a=b\r\n`;
    assert.equal(
      (await fixture.ask(post('/v1/chat/completions', fixture.key, chatBody, fields))).status,
      200,
    );
    const sent = fixture.engine.requests.at(-1);
    assert.match(sent?.field('traceparent') ?? '', /^00-(?!0af7)[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    assert.equal(sent?.field('tracestate'), undefined);
    await fixture.assertUnharmed([chat]);
  });
});

describe('a transfer coding', () => {
  for (const coding of ['gzip, chunked', ',chunked', 'chunked,', 'chunked;q=1', '"chunked"', 'gzip'])
    test(`${coding} is refused`, async () => {
      const said = await fixture.askToTheEnd(
        `${chat} HTTP/1.1\r\nHost: localhost\r\n${credential()}Transfer-Encoding: ${coding}\r\n\r\n${chunked}`,
      );
      assert.match(said, /^HTTP\/1\.1 (400|501) /);
      await fixture.assertUnharmed();
    });
  test('chunked twice is refused', async () => {
    const said = await fixture.askToTheEnd(
      `${chat} HTTP/1.1\r\nHost: localhost\r\n${credential()}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n${chunked}`,
    );
    assert.match(said, /^HTTP\/1\.1 (400|501) /);
    await fixture.assertUnharmed();
  });
  test('chunked is refused from HTTP/1.0', () =>
    refused(
      `${chat} HTTP/1.0\r\nHost: localhost\r\n${credential()}Transfer-Encoding: chunked\r\n\r\n${chunked}`,
      400,
      'request_malformed',
    ));
  test('Chunked in any case is what it says', async () => {
    const response = await fixture.ask(
      `${chat} HTTP/1.1\r\nHost: localhost\r\n${credential()}Transfer-Encoding: Chunked\r\n\r\n${chunked}`,
    );
    assert.equal(response.status, 200);
    assert.equal(fixture.engine.requests.at(-1)?.body.toString(), chatBody);
    assert.equal(fixture.engine.requests.at(-1)?.field('content-length'), String(length));
    await fixture.assertUnharmed([chat]);
  });
});

describe('a credential', () => {
  for (const name of ['Authorization', 'X-Api-Key', 'Api-Key']) {
    const value = () => (name === 'Authorization' ? `Bearer ${fixture.key}` : fixture.key);
    test(`twice in ${name} is refused, though both are good`, () =>
      refused(
        `GET /v1/models HTTP/1.1\r\nHost: localhost\r\n${name}: ${value()}\r\n${name}: ${value()}\r\n\r\n`,
        400,
        'auth_conflict',
      ));
    test(`twice in one line of ${name} is refused`, () =>
      refused(
        `GET /v1/models HTTP/1.1\r\nHost: localhost\r\n${name}: ${value()}, ${value()}\r\n\r\n`,
        400,
        'auth_conflict',
      ));
  }
  test('of one field that contradicts that of another is refused', async () => {
    const other = fixture.addKey();
    const response = await fixture.ask(get('/v1/models', fixture.key, `X-Api-Key: ${other}\r\n`));
    assert.equal(response.status, 400);
    assert.match(response.body.toString(), /auth_conflict/);
    await fixture.assertUnharmed();
  });
  test('that is the same in all fields is one credential', async () => {
    const fields = `X-Api-Key: ${fixture.key}\r\nApi-Key: ${fixture.key}\r\n`;
    assert.equal((await fixture.ask(get('/v1/models', fixture.key, fields))).status, 200);
    await fixture.assertUnharmed();
  });
});

describe('fields', () => {
  test('a hundred are taken', async () => {
    // Host and Authorization are two of them.
    const response = await fixture.ask(get('/v1/models', fixture.key, 'X: y\r\n'.repeat(98)));
    assert.equal(response.status, 200);
    await fixture.assertUnharmed();
  });
  test('one more is refused', () =>
    refused(get('/v1/models', fixture.key, 'X: y\r\n'.repeat(99)), 431, 'head_too_large'));
  test('more than Node counts are refused, not dropped', () =>
    refused(get('/v1/models', fixture.key, 'X: y\r\n'.repeat(600)), 431, 'head_too_large'));

  test('names of the language are names like any other', async () => {
    const names = ['__proto__', 'constructor', 'hasOwnProperty', 'toString', 'X_Forwarded_For'];
    const more = names.map((n) => `${n}: 10.0.0.1\r\n`).join('');
    const response = await fixture.ask(post('/v1/chat/completions', fixture.key, chatBody, more));
    assert.equal(response.status, 200);
    assert.equal(fixture.proxy.lines.at(-1)?.client, '127.0.0.1');
    await fixture.assertUnharmed([chat]);
  });

  test('what belongs to the hop or to the client stays here', async () => {
    const cookie = fixture.secret('session=cookie-5e1d');
    const private_ = [
      `Cookie: ${cookie}`,
      'Connection: keep-alive, x-flm-hop',
      'X-Flm-Hop: 1',
      'Keep-Alive: timeout=5',
      'TE: trailers',
      'Trailer: Expires',
      `Proxy-Authorization: Basic ${fixture.secret('cHJveHk6c2VjcmV0')}`,
      'Proxy-Connection: keep-alive',
      'X-Forwarded-For: 10.0.0.1',
      'X-Forwarded-Host: evil.example',
      'X-Real-IP: 10.0.0.1',
      'Forwarded: for=10.0.0.1',
      'Via: 1.1 somewhere',
      'Referer: http://somewhere.example/secret',
      'X-Conversation-Id: 1',
      'Accept-Encoding: gzip, br',
      'User-Agent: somebody/1',
      'Range: bytes=0-1',
      'If-None-Match: "x"',
    ].join('\r\n');
    const response = await fixture.ask(
      post('/v1/chat/completions', fixture.key, chatBody, `${private_}\r\n`),
    );
    assert.equal(response.status, 200);
    assert.equal(fixture.engine.requests.at(-1)?.field('accept-encoding'), 'identity');
    assert.equal(fixture.engine.requests.at(-1)?.field('user-agent'), 'flm/test');
    await fixture.assertUnharmed([chat]);
  });

  test('a list of hop-by-hop fields does not strip what flm adds', async () => {
    const named =
      'Connection: authorization, host, content-length, content-type, x-request-id, traceparent\r\n';
    const response = await fixture.ask(post('/v1/chat/completions', fixture.key, chatBody, named));
    assert.equal(response.status, 200);
    const request = fixture.engine.requests.at(-1);
    for (const name of ['authorization', 'content-length', 'content-type', 'x-request-id', 'traceparent'])
      assert.notEqual(request?.field(name), undefined, name);
    await fixture.assertUnharmed([chat]);
  });

  test('a request id of the client is not believed', async () => {
    const response = await fixture.ask(get('/v1/models', fixture.key, 'X-Request-Id: req_forged\r\n'));
    assert.match(response.field('x-request-id') ?? '', /^req_t\w+$/);
    await fixture.assertUnharmed();
  });
});

describe('a body that nobody reads', () => {
  const admin = 'GET /admin HTTP/1.1\r\nHost: localhost\r\n\r\n';
  test('of a GET is not the next request', async () => {
    const wire = await fixture.dial();
    wire.send(get('/v1/models', fixture.key, `Content-Length: ${admin.length}\r\n`) + admin);
    assert.equal((await wire.response()).status, 200);
    assert.equal((await wire.send(get('/v1/models', fixture.key)).response()).status, 200);
    assert.ok(fixture.proxy.lines.every((l) => l.path !== '/admin'));
    await fixture.assertUnharmed();
  });
  test('of a refused request is not the next request', async () => {
    const wire = await fixture.dial();
    wire.send(`${chat} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${admin.length}\r\n\r\n${admin}`);
    assert.equal((await wire.response()).status, 401);
    assert.equal((await wire.send(get('/v1/models', fixture.key)).response()).status, 200);
    assert.ok(fixture.proxy.lines.every((l) => l.path !== '/admin'));
    await fixture.assertUnharmed();
  });
  test('is not waited for for ever', async () => {
    const wire = await fixture.dial();
    wire.send(`${chat} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{`);
    assert.equal((await wire.response()).status, 401);
    await fixture.clock.move(5_000);
    assert.equal((await wire.rest()).length, 0);
    await fixture.assertUnharmed();
  });
  test('is not read to its end when it is large', async () => {
    const wire = await fixture.dial();
    wire.send(`${chat} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n`);
    const response = await wire.response();
    assert.equal(response.status, 401);
    assert.equal(response.field('connection'), 'close');
    // More than drainRefusedBytes, less than was announced.
    wire.send(Buffer.alloc(1024 * 1024));
    await wire.rest();
    await fixture.assertUnharmed();
  });
});

describe('an expectation', () => {
  const expecting = (key: string, expectation = '100-continue') =>
    `${chat} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${key}\r\nExpect: ${expectation}\r\nContent-Length: ${length}\r\n\r\n`;

  test('of 100 with a bad key is a 401 without 100', async () => {
    const said = await fixture.askToTheEnd(expecting('flm_wrong'));
    assert.match(said, /^HTTP\/1\.1 401 /);
    assert.doesNotMatch(said, /HTTP\/1\.1 100/);
    await fixture.assertUnharmed();
  });
  test('of 100 with a good key is kept', async () => {
    const wire = await fixture.dial();
    wire.send(expecting(fixture.key));
    assert.equal((await wire.response()).status, 100);
    wire.send(chatBody);
    assert.equal((await wire.response()).status, 200);
    await fixture.assertUnharmed([chat]);
  });
  test('of 100 for a body that is too large is a 413 without 100', async () => {
    const said = await fixture.askToTheEnd(
      `${chat} HTTP/1.1\r\nHost: localhost\r\n${credential()}Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n`,
    );
    assert.match(said, /^HTTP\/1\.1 413 /);
    await fixture.assertUnharmed();
  });
  test('of anything else is a 417', () => refused(expecting(fixture.key, 'junk'), 417, 'expectation_failed'));
});

describe('while the proxy drains', () => {
  test('a kept-alive connection gets 503 and is closed, health says so', async () => {
    const draining = await AttackFixture.open();
    try {
      const [one, two] = [await draining.dial(), await draining.dial()];
      for (const wire of [one, two])
        assert.equal((await wire.send(get('/v1/models', draining.key)).response()).status, 200);
      draining.proxy.gateway.release();
      const response = await one.send(get('/v1/models', draining.key)).response();
      assert.equal(response.status, 503);
      assert.match(response.body.toString(), /"code":"draining"/);
      assert.equal(response.field('retry-after'), '2');
      assert.equal(response.field('connection'), 'close');
      await one.rest();
      const health = await two.send('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n').response();
      assert.equal(health.body.toString(), '{"status":"draining"}');
    } finally {
      await draining.close();
    }
    await fixture.assertUnharmed();
  });
});
