import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { headOnlyExchange } from '../../test/helpers/head-only-exchange.ts';
import { dialectOfPath } from './advice.ts';
import { router } from './router.ts';
import { routes } from './routes.ts';

function route(method: string, path: string) {
  const x = headOnlyExchange({ method, path });
  const refusal = router(x);
  return { id: x.route?.id, params: x.params, code: refusal?.code, fields: refusal?.fields, refusal };
}

test('every row of the table is found by its pattern and its method', () => {
  for (const row of routes) {
    const path = row.pattern.replace('{id}', 'a').replace('{rest}', 'b/c');
    const found = route(row.method === 'ANY' ? 'PATCH' : row.method, path);
    assert.equal(found.id, row.id, path);
    if (row.method === 'GET') assert.equal(route('HEAD', path).id, row.id, `HEAD ${path}`);
  }
});

test('a literal row goes before a pattern that would match as well', () => {
  assert.equal(route('POST', '/v1/responses/compact').id, 'responses.compact');
  assert.equal(route('GET', '/v1/responses/compact').code, 'METHOD_NOT_ALLOWED');
  assert.equal(route('GET', '/v1/responses/other').id, 'responses.get');
});

test('values are unescaped once, and only where the pattern has a place for them', () => {
  assert.deepEqual(route('GET', '/v1/models/a%2Fb/c%2541').params, ['a/b/c%41']);
  assert.deepEqual(route('DELETE', '/v1/responses/x%20y').params, ['x y']);
  assert.deepEqual(route('GET', '/engine/e/v1/x').params, ['e', 'v1/x']);
  for (const path of ['/v1/%6dodels', '/%76%31/models', '/v1%2Fmodels', '/engine%2Fe/x'])
    assert.equal(route('GET', path).code, 'ROUTE_UNKNOWN', path);
});

test('a value that is empty or no UTF-8 is none', () => {
  for (const path of [
    '/v1/models/',
    '/v1/models/%ff',
    '/v1/responses/',
    '/v1/responses//cancel',
    '/engine//x',
    '/engine/e/',
  ])
    assert.equal(route('GET', path).code, 'ROUTE_UNKNOWN', path);
});

test('a wrong method names all methods of the path', () => {
  assert.equal(route('PUT', '/v1/responses/x').fields, 'allow: GET, HEAD, DELETE\r\n');
  assert.equal(route('GET', '/v1/embeddings').fields, 'allow: POST\r\n');
});

test('an unknown path says which one was meant, where that is clear', () => {
  const meant = (path: string) => route('GET', path).refusal?.params?.meant;
  assert.match(String(meant('/models')), /\/v1\/models was/);
  assert.match(String(meant('/v1/v1/embeddings')), /\/v1\/embeddings was/);
  assert.match(String(meant('/v1/api/chat')), /\/api\/chat was/);
  assert.match(String(meant('/v1/embeddings/')), /\/v1\/embeddings was/);
  assert.equal(meant('/nothing'), '');
  assert.equal(meant('/v1'), '');
});

test('the dialect of an error is that of the prefix, exactly', () => {
  assert.equal(dialectOfPath('/api/x'), 'ollama');
  assert.equal(dialectOfPath('/apix'), 'openai');
  assert.equal(dialectOfPath('/v1/messages'), 'anthropic');
  assert.equal(dialectOfPath('/v1/messages/x'), 'anthropic');
  assert.equal(dialectOfPath('/v1/messagesx'), 'openai');
});

test('whatever the path, the router finds a row that it fits, or refuses', () => {
  const piece = fc.constantFrom(
    'v1',
    'models',
    'responses',
    'engine',
    'e',
    'api',
    'tags',
    '%2f',
    '%',
    '%ff',
    '',
    'x',
  );
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 6 }),
      fc.constantFrom('GET', 'POST', 'DELETE'),
      (parts, method) => {
        const path = `/${parts.join('/')}`;
        const { id, params, code } = route(method, path);
        assert.equal(id === undefined, code !== undefined);
        if (id === undefined) return;
        const fits = routes.some((row) => {
          if (row.id !== id) return false;
          const pattern = row.pattern.replace('{id}', '[^/]+').replace('{rest}', '.+');
          return new RegExp(`^${pattern}$`).test(path);
        });
        assert.ok(fits, `${path} is ${id}`);
        assert.ok(params.every((p) => p !== ''));
      },
    ),
    { numRuns: 2_000, interruptAfterTimeLimit: 3_000 },
  );
});
