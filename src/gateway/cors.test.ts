import assert from 'node:assert/strict';
import { test } from 'node:test';
import { headOnlyExchange, type RequestHead } from '../../test/helpers/head-only-exchange.ts';
import { denyOrigin } from '../core/security/access.ts';
import { originOf, preflightFields, readOrigin } from './cors.ts';

const app = 'https://app.example.org';

function read(request: RequestHead) {
  const x = headOnlyExchange({ policy: { allowOrigins: [app] }, ...request });
  readOrigin(x);
  return { x, denied: denyOrigin(x.snapshot.policy, originOf(x))?.code };
}

test('a request without an origin is no page', () => {
  const { x, denied } = read({});
  assert.equal(denied, undefined);
  assert.equal(x.preflight, false);
  assert.equal(x.cors, 'vary: Origin\r\n');
});

test('where no origin is allowed an answer does not depend on it', () => {
  assert.equal(read({ policy: {} }).x.cors, '');
  const { x, denied } = read({ policy: {}, fields: ['Origin', app] });
  assert.equal(x.cors, '');
  assert.equal(denied, 'ORIGIN_DENIED');
});

test('an allowed origin is echoed, and no other', () => {
  const { x, denied } = read({ fields: ['Origin', app] });
  assert.equal(denied, undefined);
  assert.ok(x.cors.startsWith(`access-control-allow-origin: ${app}\r\n`), x.cors);
  for (const origin of ['null', `${app}/`, `${app}.evil`, app.toUpperCase(), '*', ''])
    assert.equal(read({ fields: ['Origin', origin] }).denied, 'ORIGIN_DENIED', origin);
  assert.equal(read({ fields: ['Origin', app, 'Origin', app] }).denied, 'ORIGIN_DENIED');
});

test('a preflight is an OPTIONS of a page that names a method', () => {
  const asks = ['Origin', app, 'Access-Control-Request-Method', 'POST'];
  assert.equal(read({ method: 'OPTIONS', fields: asks }).x.preflight, true);
  assert.equal(read({ method: 'POST', fields: asks }).x.preflight, false);
  assert.equal(read({ method: 'OPTIONS', fields: asks.slice(0, 2) }).x.preflight, false);
  assert.equal(read({ method: 'OPTIONS', fields: asks.slice(2) }).x.preflight, false);
});

test('a preflight gets back of what it asked for what may be', () => {
  const answered = (method: string, names: string) => {
    const asks = ['Access-Control-Request-Method', method, 'Access-Control-Request-Headers', names];
    const fields = preflightFields(read({ fields: asks }).x);
    const value = (name: string) => new RegExp(`^${name}: (.*)\r$`, 'm').exec(fields)?.[1];
    return [value('access-control-allow-methods'), value('access-control-allow-headers')];
  };
  assert.deepEqual(answered('POST', 'Authorization, content-type ,X-Stainless-Os'), [
    'POST',
    'authorization, content-type, x-stainless-os',
  ]);
  assert.deepEqual(answered('POST', 'cookie, authorization, x-forwarded-for'), ['POST', 'authorization']);
  for (const names of ['', ',', '*', 'a b', '<a>', 'x-stainless-', `x-stainless-${'a'.repeat(100)}`, 'host'])
    assert.deepEqual(answered('TRACE', names), [undefined, undefined], names);
});

test('a page on another network is let in only when it asks', () => {
  const asked = (value: string) =>
    preflightFields(read({ fields: ['Access-Control-Request-Private-Network', value] }).x).includes(
      'access-control-allow-private-network',
    );
  assert.deepEqual([asked('true'), asked('false'), asked('')], [true, false, false]);
});
