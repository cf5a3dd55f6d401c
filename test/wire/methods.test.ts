/**
 * Methods come from a list. What is not on it ends in the gateway with a 405, on every path, with every key and without
 * one, and never reaches an engine: one that reflects TRACE would show its own key.
 */
import assert from 'node:assert/strict';
import { METHODS } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { engineMethods, routes } from '../../src/gateway/routes.ts';
import { AttackFixture } from '../helpers/attack-fixture.ts';
import { answer } from '../helpers/raw-engine.ts';

let fixture: AttackFixture;
let admin: string;
before(async () => {
  fixture = await AttackFixture.open();
  admin = fixture.addKey({ scopes: ['inference', 'engine:read', 'engine:admin', 'metrics'] });
});
after(() => fixture.close());

const known: ReadonlySet<string> = new Set([...engineMethods, 'OPTIONS']);
const others = METHODS.filter((method) => !known.has(method) && method !== 'CONNECT');
const paths = [
  ...new Set(routes.map((route) => route.pattern.replace('{id}', 'e').replace('{rest}', 'props'))),
];

function request(method: string, target: string, key: string | undefined, more = ''): string {
  const credential = key === undefined ? '' : `Authorization: Bearer ${key}\r\n`;
  return `${method} ${target} HTTP/1.1\r\nHost: localhost\r\n${credential}${more}\r\n`;
}

test('the parser knows methods that the list does not have, so the list decides', () => {
  for (const method of ['TRACE', 'PURGE', 'QUERY', 'PROPFIND', 'LINK', 'M-SEARCH'])
    assert.ok(others.includes(method));
});

describe('a method that no route has is a 405', () => {
  for (const path of [...paths, '/engine/e/a/b/c', '/nothing/here', '/engine/e/'])
    test(`at ${path}, with every key`, async () => {
      for (const key of [undefined, fixture.key, admin]) {
        const wire = await fixture.dial();
        for (const method of others) {
          const response = await wire.send(request(method, path, key)).response();
          assert.equal(response.status, 405, `${method} ${path}`);
          assert.ok(response.field('allow') !== undefined, 'Allow is there');
          assert.ok(response.field('allow')?.includes(method) !== true);
        }
      }
      await fixture.assertUnharmed();
    });

  test('also with a body, in absolute form, over HTTP/1.0 and as a probe', async () => {
    for (const [method, target, more] of [
      ['QUERY', '/engine/e/api/tags', 'Content-Length: 2\r\n'],
      ['QUERY', '/engine/e/api/tags', 'Transfer-Encoding: chunked\r\n'],
      ['TRACE', 'http://localhost/engine/e/api/tags', ''],
      ['TRACE', '*', ''],
      ['TRACE', '/engine/e/api/tags', 'Connection: close\r\nMax-Forwards: 0\r\n'],
      ['PURGE', '/engine/e/api/tags', 'Expect: 100-continue\r\nContent-Length: 2\r\n'],
    ] as const) {
      const body = more.includes('chunked') ? '2\r\n{}\r\n0\r\n\r\n' : more.includes('Length') ? '{}' : '';
      const response = await fixture.ask(request(method, target, admin, more) + body);
      assert.equal(response.status, 405, `${method} ${target} ${more}`);
    }
    const old = await fixture.askToTheEnd(`TRACE /health HTTP/1.0\r\nHost: localhost\r\n\r\n`);
    assert.match(old, /^HTTP\/1\.1 405 /);
    await fixture.assertUnharmed();
  });

  test('and Allow names the methods that the path has', async () => {
    for (const [path, allow] of [
      ['/v1/chat/completions', 'POST'],
      ['/v1/models', 'GET, HEAD'],
      ['/v1/responses/resp_1', 'GET, HEAD, DELETE'],
      ['/engine/e/props', 'GET, HEAD, POST, PUT, PATCH, DELETE'],
      ['/nothing', ''],
    ] as const) {
      const response = await fixture.ask(request('TRACE', path, undefined));
      assert.equal(response.field('allow'), allow, path);
    }
    await fixture.assertUnharmed();
  });
});

test('OPTIONS does not reach an engine either', async () => {
  const response = await fixture.ask(request('OPTIONS', '/engine/e/props', admin));
  assert.equal(response.status, 405);
  await fixture.assertUnharmed();
});

test('every method of the list reaches the API of an engine with engine:admin', async () => {
  for (const method of engineMethods) {
    fixture.engine.setScript([
      method === 'HEAD' ? 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n' : answer('{}'),
    ]);
    const said = await fixture.askToTheEnd(
      request(method, '/engine/e/props', admin, 'Connection: close\r\n'),
    );
    assert.match(said, /^HTTP\/1\.1 200 /, method);
  }
  await fixture.assertUnharmed(engineMethods.map((method) => `${method} /props`));
});

describe('CONNECT is a 405 that allows nothing, and ends the connection', () => {
  for (const target of ['localhost:80', 'example.org:443', '/v1/models', '/engine/e/props', '/health', '*'])
    test(target, async () => {
      const malformed = fixture.proxy.malformed.length;
      const behind = `GET /v1/models HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${admin}\r\n\r\n`;
      for (const key of [undefined, admin]) {
        const said = await fixture.askToTheEnd(request('CONNECT', target, key) + behind);
        // llhttp itself refuses a target that is no authority.
        if (target.includes(':')) {
          assert.match(said, /^HTTP\/1\.1 405 /);
          assert.match(said, /\r\nallow:\r\n/);
        } else assert.match(said, /^HTTP\/1\.1 (400|405) /);
        assert.match(said, /\r\nconnection: close\r\n/);
        assert.match(said, /\r\nx-request-id: req_/);
        assert.equal(said.match(/HTTP\/1\.1 \d{3} /g)?.length, 1, 'one answer only');
      }
      assert.equal(fixture.proxy.malformed.length, malformed + 2);
      await fixture.assertUnharmed();
    });

  test('and the one that comes behind another request gets no tunnel', async () => {
    const said = await fixture.askToTheEnd(
      request('GET', '/v1/models', fixture.key) + request('CONNECT', 'example.org:443', fixture.key),
    );
    assert.ok((said.match(/HTTP\/1\.1 200 /g)?.length ?? 0) <= 1);
    assert.doesNotMatch(said.slice(1), /HTTP\/1\.1 2\d\d Connection/);
    await fixture.assertUnharmed();
  });

  test('and the client may reset the connection', async () => {
    const wire = await fixture.dial();
    wire.send(request('CONNECT', 'example.org:443', fixture.key));
    wire.socket.resetAndDestroy();
    await fixture.assertUnharmed();
  });
});
