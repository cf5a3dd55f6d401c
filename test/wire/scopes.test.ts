/**
 * What a key may do, for every row of the route table and for engines' own APIs: with the scope of the row a request is
 * let in, with every other scope it is a 403, and the engine sees only what was let in.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Scope, scopes } from '../../src/core/engine/routes.ts';
import { probePaths, type Route, routes } from '../../src/gateway/routes.ts';
import { AttackFixture, chatBody } from '../helpers/attack-fixture.ts';
import { answer } from '../helpers/raw-engine.ts';

let fixture: AttackFixture;
const keys = new Map<Scope | 'none', string>();
before(async () => {
  fixture = await AttackFixture.open({
    kind: {
      native: [
        { method: 'GET', path: '/props', scope: 'engine:read', model: 'none', query: ['model'] },
        { method: 'GET', path: '/slots/{id}', scope: 'engine:read', model: 'none' },
        { method: 'POST', path: '/tokenize', scope: 'inference', model: 'json' },
        { method: 'POST', path: '/slots', scope: 'engine:admin', model: 'json' },
      ],
    },
  });
  for (const scope of scopes) keys.set(scope, fixture.addKey({ scopes: [scope] }));
  keys.set('none', fixture.addKey({ scopes: [] }));
});
after(() => fixture.close());

const boundary = 'b0undary';
const form = `--${boundary}\r\nContent-Disposition: form-data; name="model"\r\n\r\nm\r\n--${boundary}--\r\n`;

/** A good request for a row: nothing but the scope can stand in its way. */
function goodRequest(route: Route, key: string): { bytes: string; line: string | undefined } {
  const method = route.method === 'ANY' ? 'GET' : route.method;
  const path = route.pattern.replace('{rest}', 'm').replace('{id}', 'resp_1');
  const [type, body] =
    route.model === 'json'
      ? ['application/json', chatBody]
      : route.model === 'multipart'
        ? [`multipart/form-data; boundary=${boundary}`, form]
        : [undefined, ''];
  const typeField = type === undefined ? '' : `Content-Type: ${type}\r\n`;
  const bytes = `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${key}\r\n${typeField}Content-Length: ${body.length}\r\n\r\n${body}`;
  const own =
    route.handler === 'models' ||
    route.handler === 'health' ||
    route.handler === 'ready' ||
    route.handler === 'metrics';
  return { bytes, line: own ? undefined : `${method} ${route.upstream.replace('{id}', 'resp_1')}` };
}

/** No scope opens or closes these. */
const forAnyKey = (r: Route): boolean =>
  ['root', 'me', 'share.redeem', 'admin', 'files'].includes(r.id) || probePaths.has(r.pattern);

describe('a row of the route table', () => {
  for (const route of routes.filter((r) => r.id !== 'engine.native' && !forAnyKey(r))) {
    for (const scope of [...scopes, 'none'] as const) {
      const may = scope === route.scope || (route.scope === 'engine:read' && scope === 'engine:admin');
      test(`${route.method} ${route.pattern} with ${scope}: ${may ? 'let in' : '403'}`, async () => {
        fixture.engine.setScript([answer('{"models":[],"done":true}')]);
        const { bytes, line } = goodRequest(route, keys.get(scope) ?? '');
        const response = await fixture.ask(bytes);
        // The catalogue has no model of the name that stands in the path.
        assert.equal(response.status, may ? 200 : 403);
        if (!may) assert.match(response.body.toString(), new RegExp(`scope ${route.scope}`));
        await fixture.assertUnharmed(may && line !== undefined ? [line] : []);
      });
    }
  }

  test('that is not in the endpoints of a key is a 403', async () => {
    const key = fixture.addKey({ endpoints: ['embeddings', 'models.list'] });
    const table = routes.filter((r) => r.scope === 'inference' && !forAnyKey(r));
    for (const route of table.filter((r) => r.id !== 'embeddings' && r.id !== 'models.list')) {
      const response = await fixture.ask(goodRequest(route, key).bytes);
      assert.equal(response.status, 403, route.pattern);
      assert.match(response.body.toString(), new RegExp(`endpoint ${route.id.replaceAll('.', '\\.')}`));
    }
    for (const route of table.filter((r) => r.id === 'embeddings' || r.id === 'models.list'))
      assert.equal((await fixture.ask(goodRequest(route, key).bytes)).status, 200, route.pattern);
    await fixture.assertUnharmed(['POST /v1/embeddings']);
  });

  test('that names no model is closed to a key that is limited to models, where an engine keeps answers', async () => {
    const key = fixture.addKey({ models: ['m'] });
    for (const route of routes.filter((r) => r.dialect === 'responses' && r.model === 'none'))
      assert.equal((await fixture.ask(goodRequest(route, key).bytes)).status, 403, route.pattern);
    await fixture.assertUnharmed();
  });
});

describe("an engine's own API", () => {
  const cases: readonly (readonly [line: string, scope: Scope])[] = [
    ['GET /props', 'engine:read'],
    ['HEAD /props', 'engine:read'],
    ['GET /slots/3', 'engine:read'],
    ['POST /tokenize', 'inference'],
    ['POST /slots', 'engine:admin'],
    ['POST /props', 'engine:admin'],
    ['DELETE /props', 'engine:admin'],
    ['GET /slots/3/4', 'engine:admin'],
    ['GET /slots/', 'engine:admin'],
    ['GET /props/', 'engine:admin'],
    ['GET /PROPS', 'engine:admin'],
    ['POST /api/pull', 'engine:admin'],
    ['PUT /anything/at/all', 'engine:admin'],
    ['GET /v1/models', 'engine:admin'],
  ];
  for (const [line, needed] of cases) {
    for (const scope of [...scopes, 'none'] as const) {
      const may = scope === needed || (needed === 'engine:read' && scope === 'engine:admin');
      const [method = '', path = ''] = line.split(' ');
      // A slash at the end is no form that an engine's path may have.
      const odd = path.endsWith('/');
      test(`${line} with ${scope}: ${odd ? '404' : may ? 'let in' : '403'}`, async () => {
        fixture.engine.setScript([
          method === 'HEAD' ? 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n' : answer('{}'),
        ]);
        const body = method === 'POST' || method === 'PUT' ? chatBody : '';
        const bytes = `${method} /engine/e${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${keys.get(scope)}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
        const status = Number((await fixture.askToTheEnd(bytes)).slice(9, 12));
        assert.equal(status, odd ? 404 : may ? 200 : 403);
        await fixture.assertUnharmed(may && !odd ? [line] : []);
      });
    }
  }

  const ask = (path: string, key: string) =>
    fixture.ask(`GET /engine/${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${key}\r\n\r\n`);

  test('takes of the query what the list of the kind names, and all of it from an administrator', async () => {
    const reader = keys.get('engine:read') ?? '';
    assert.equal((await ask('e/props?model=m&autoload=true', reader)).status, 200);
    assert.equal((await ask('e/anything?a=%2f&b', keys.get('engine:admin') ?? '')).status, 200);
    await fixture.assertUnharmed(['GET /props?model=m', 'GET /anything?a=%2f&b']);
  });
  test('of an engine that is not there, or not for this key, is a 404', async () => {
    const key = fixture.addKey({ scopes: ['engine:admin'], engines: ['other'] });
    for (const path of ['e/props', 'other/props', 'E/props', '__proto__/props'])
      assert.equal((await ask(path, key)).status, 404, path);
    await fixture.assertUnharmed();
  });
  test('holds a key that is limited to models to them', async () => {
    const key = fixture.addKey({ models: ['other'] });
    const bytes = `POST /engine/e/tokenize HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${key}\r\nContent-Type: application/json\r\nContent-Length: ${chatBody.length}\r\n\r\n${chatBody}`;
    assert.equal((await fixture.ask(bytes)).status, 403);
    await fixture.assertUnharmed();
  });
});
