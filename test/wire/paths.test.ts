/**
 * Paths: the decision is made on the raw target, and the engine's is built again from the route table. So guard, router
 * and forwarder cannot disagree, and no way of writing a path leads past a row of the table.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { routes } from '../../src/gateway/routes.ts';
import { AttackFixture, chatBody } from '../helpers/attack-fixture.ts';
import { answer } from '../helpers/raw-engine.ts';
import { get, post } from '../helpers/test-gateway.ts';

let fixture: AttackFixture;
before(async () => {
  fixture = await AttackFixture.open({
    kind: { native: [{ method: 'GET', path: '/props', scope: 'engine:read', model: 'none' }] },
  });
});
after(() => fixture.close());

/** Each as a GET and as a POST, with a key that may do everything. */
const odd: readonly (readonly [target: string, status: number])[] = [
  ['/v1/../admin', 400],
  ['/v1/models/..', 400],
  ['/v1/./models', 400],
  ['/../v1/models', 400],
  ['/v1/%2e%2e/admin', 400],
  ['/v1/%2E./admin', 400],
  ['/v1/.%2e/admin', 400],
  ['/v1\\..\\admin', 400],
  ['//evil.example/admin', 400],
  ['//v1/models', 400],
  ['/v1//models', 400],
  ['/v1/models//', 400],
  ['/v1/chat//completions', 400],
  ['/v1/models/%00', 400],
  ['/v1/models/a%00b', 400],
  ['/v1/models/%zz', 400],
  ['/v1/models/%2', 400],
  ['/v1/models/%', 400],
  ['/v1/models/a"b', 400],
  ['/v1/models/<b>', 400],
  ['/v1/models/{rest}', 400],
  ['/v1/models/a|b', 400],
  ['/v1/models/a^b', 400],
  ['/v1/models/a`b', 400],
  ['/v1/..;/admin', 404],
  ['/v1;/models', 404],
  ['/v1/models;x=y', 404],
  ['/v1%2fmodels', 404],
  ['/v1%2Fmodels', 404],
  ['/%76%31/models', 404],
  ['/v1/%6dodels', 404],
  ['/V1/models', 404],
  ['/v1/Models', 404],
  ['/v1/models/', 404],
  ['/v1/models%3fx', 404],
  ['/v1/models%20', 404],
  ['/v1/chat/completions/', 404],
  ['/v1/chat/completions%00', 400],
  ['/v1/chat/completions/x', 404],
  ['/v1/chat%2fcompletions', 404],
  ['/v1', 404],
  ['/', 200],
  ['/admin', 404],
  ['/metrics/', 404],
  ['/health/', 401],
  ['/engine', 404],
  ['/engine/e', 404],
  ['/engine/e/', 404],
  ['/engine/e/..%2fprops', 400],
  ['/engine/e/%2e%2e%2fprops', 400],
  ['/engine/e/%2fevil.example/props', 404],
  ['/engine/e/props%3fx=y', 404],
  ['/engine/e/props%23x', 404],
  ['/engine/e/props%20HTTP%2f1.1%0d%0aX:%20y', 404],
  ['/engine/e/props%0a', 404],
  ['/engine/e/%ff', 404],
  ['/engine/e%2f..%2fe/props', 400],
  ['/engine/e%2fprops/x', 404],
  ['/engine/../props', 400],
  ['/v1/responses/a%2fb', 404],
  ['/v1/responses/..%2f..%2fadmin', 400],
  ['/v1/responses/%2e%2e', 400],
  ['/v1/responses/a%0d%0aX:%20y', 404],
  ['/v1/responses/a%3fb', 404],
  ['/v1/responses/%ff', 404],
  ['/v1/models/%ff', 404],
  ['/v1/models?x=%zz', 200],
];

describe('a path has one way to be written', () => {
  for (const [target, status] of odd) {
    test(`GET ${target} is ${status}`, async () => {
      const key = fixture.addKey({ scopes: ['inference', 'engine:read', 'engine:admin', 'metrics'] });
      const bytes = status === 401 ? get(target, 'flm_wrong') : get(target, key);
      assert.equal((await fixture.ask(bytes)).status, status);
      await fixture.assertUnharmed();
    });
  }
  test('bytes that are no path are refused by the parser or by the guard', async () => {
    for (const target of ['/v1/models/\xff', '/v1/mod\x7fels', '/v1/models\x0bx'])
      assert.equal((await fixture.ask(get(target, fixture.key))).status, 400, JSON.stringify(target));
    await fixture.assertUnharmed();
  });
});

describe('a path of the table', () => {
  test('may hold escapes where an id stands', async () => {
    assert.equal((await fixture.ask(get('/v1/models/%6d', fixture.key))).status, 200);
    await fixture.assertUnharmed();
  });
  test('may hold slashes where the id of a model stands, escaped or not', async () => {
    for (const target of ['/v1/models/org/m', '/v1/models/org%2fm']) {
      const response = await fixture.ask(get(target, fixture.key));
      assert.equal(response.status, 404);
      assert.match(response.body.toString(), /There is no model org\/m\./);
    }
    await fixture.assertUnharmed();
  });
  test('takes of the query what the table lists, and writes it again', async () => {
    const query = 'limit=2&key=stolen&order=%61sc&api_base=http%3a%2f%2fevil&after=a%26b%3dc';
    await fixture.ask(get(`/v1/responses/resp_1/input_items?${query}`, fixture.key));
    await fixture.assertUnharmed(['GET /v1/responses/resp_1/input_items?limit=2&order=asc&after=a%26b%3Dc']);
  });
  test('passes no query where the table lists none', async () => {
    await fixture.ask(post('/v1/chat/completions?api_key=x&beta=true', fixture.key, chatBody));
    await fixture.assertUnharmed(['POST /v1/chat/completions']);
  });
  test('where /v1 is missing names the one that was meant', async () => {
    const response = await fixture.ask(post('/chat/completions', fixture.key, chatBody));
    assert.equal(response.status, 404);
    assert.match(response.body.toString(), /\/v1\/chat\/completions was probably meant/);
    await fixture.assertUnharmed();
  });
  test('where /v1 is doubled names the one that was meant', async () => {
    const response = await fixture.ask(post('/v1/v1/chat/completions', fixture.key, chatBody));
    assert.match(response.body.toString(), /\/v1\/chat\/completions was probably meant/);
    await fixture.assertUnharmed();
  });
  test('of an engine that is an alias of another path goes to the path of the table', async () => {
    await fixture.ask(post('/rerank', fixture.key, chatBody));
    await fixture.assertUnharmed(['POST /v1/rerank']);
  });
});

/** Paths of the table, and everything that people tried to get past one. */
const pieces = [
  ...['/', '//', '/./', '/../', '%2e', '%2E%2e', '%2f', '%5c', '\\', ';', '%3f', '?', '#', '%23', '%00', '%'],
  ...[
    '%zz',
    '%ff',
    '%0d%0a',
    '%20',
    '+',
    '@',
    ':',
    'v1',
    'V1',
    'api',
    'models',
    'chat',
    'completions',
    'engine',
  ],
  ...[
    'e',
    'm',
    'props',
    'admin',
    'responses',
    'resp_1',
    'input_items',
    'cancel',
    'health',
    'ready',
    'a',
    '..',
    '.',
    '=',
  ],
];
const target = fc.oneof(
  fc.array(fc.constantFrom(...pieces), { maxLength: 8 }).map((parts) => `/${parts.join('')}`),
  fc
    .tuple(
      fc.constantFrom('/engine/{id}/{rest}', ...routes.map((r) => r.pattern)),
      fc.array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 4 }).map((parts) => parts.join('')),
      fc.constantFrom('', '', ...pieces),
      fc.nat(),
    )
    .map(([pattern, id, extra, at]) => {
      const path = pattern.replace('/engine/{id}', '/engine/e').replace(/\{(?:id|rest)\}/, id);
      const cut = at % (path.length + 1);
      return `${path.slice(0, cut)}${extra}${path.slice(cut)}`;
    }),
);
const method = fc.constantFrom('GET', 'POST', 'DELETE', 'PUT', 'HEAD');

/** Of an engine's own path: plain characters, no dot segment. */
const segment = '(?!\\.{1,2}(?:/|$))[A-Za-z0-9._~:@+-]+';

/** What may stand on a request line to an engine, from the table alone. */
const upstreams = routes
  .filter(
    (r) =>
      !['models', 'root', 'health', 'ready', 'metrics', 'me', 'share', 'admin', 'files'].includes(r.handler),
  )
  .map((r) => ({
    methods: r.method === 'ANY' ? undefined : [r.method, ...(r.method === 'GET' ? ['HEAD'] : [])],
    path: new RegExp(
      `^${r.upstream
        .replaceAll('.', '\\.')
        .replace('{id}', '[A-Za-z0-9_-]{1,256}')
        .replace('{rest}', `${segment}(?:/${segment})*`)}$`,
    ),
    query: r.handler === 'engine-api' ? undefined : r.query,
  }));

test('whatever the target, what reaches the engine is a path of the table', async () => {
  fixture.engine.setScript([answer('{}')]);
  const key = fixture.addKey({ scopes: ['inference', 'engine:read', 'engine:admin', 'metrics'] });
  let seen = fixture.engine.requests.length;
  const from = seen;
  await fc.assert(
    fc.asyncProperty(method, target, async (verb, raw) => {
      const wire = await fixture.dial();
      wire.send(
        `${verb} ${raw} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${key}\r\nConnection: close\r\nContent-Length: ${chatBody.length}\r\n\r\n${chatBody}`,
      );
      const status = Number((await wire.rest()).toString('latin1', 9, 12));
      wire.close();
      const reached = fixture.engine.requests.slice(seen);
      seen = fixture.engine.requests.length;
      assert.ok(reached.length <= 1);
      const request = reached[0];
      if (request === undefined) return;
      assert.equal(status, 200);
      const [path = '', query] = request.target.split('?');
      const row = upstreams.find((u) => u.path.test(path) && (u.methods?.includes(request.method) ?? true));
      assert.ok(row !== undefined, `${verb} ${raw} became ${request.method} ${request.target}`);
      // No engine and no proxy before it can read the path in another way.
      assert.equal(new URL(`http://engine${request.target}`).pathname, path);
      if (row.query !== undefined)
        for (const name of new URLSearchParams(query).keys()) assert.ok(row.query.includes(name), name);
    }),
    { numRuns: 1500, interruptAfterTimeLimit: 5_000 },
  );
  await fixture.assertUnharmed(fixture.engine.requests.slice(from).map((r) => `${r.method} ${r.target}`));
});
