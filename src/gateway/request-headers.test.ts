import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RequestHeaders } from './request-headers.ts';

test('a known field is found in any case, an unknown one is dropped', () => {
  const fields = RequestHeaders.of([
    'HOST',
    'a',
    'X-Api-KEY',
    'k',
    'Cookie',
    'c',
    '__proto__',
    'p',
    'constructor',
    'q',
  ]);
  assert.equal(fields.get('host'), 'a');
  assert.equal(fields.get('x-api-key'), 'k');
  assert.equal(fields.get('authorization'), undefined);
  assert.equal(fields.count, 5);
  assert.doesNotMatch(JSON.stringify(fields), /Cookie|"c"/);
});

test('of a field that comes twice the first value stands, and that it was repeated', () => {
  const fields = RequestHeaders.of(['Host', 'a', 'host', 'b', 'Authorization', 'k']);
  assert.equal(fields.get('host'), 'a');
  assert.equal(fields.repeated('host'), true);
  assert.equal(fields.repeated('authorization'), false);
});

test('a repeated field does not mark another one, whichever it is', () => {
  const names = ['host', 'openai-beta', 'authorization', 'anthropic-beta', 'transfer-encoding'] as const;
  for (const name of names) {
    const fields = RequestHeaders.of(names.flatMap((n) => (n === name ? [n, '1', n, '2'] : [n, '1'])));
    for (const other of names) assert.equal(fields.repeated(other), other === name, `${name} marks ${other}`);
  }
});

test('forwarded addresses in several lines are one list, in order', () => {
  const fields = RequestHeaders.of([
    'X-Forwarded-For',
    '1.1.1.1',
    'x-forwarded-for',
    '2.2.2.2, 3.3.3.3',
    'FORWARDED',
    'for=a',
  ]);
  assert.equal(fields.get('x-forwarded-for'), '1.1.1.1, 2.2.2.2, 3.3.3.3');
  assert.equal(fields.get('forwarded'), 'for=a');
});

test('the protocols that a client offers in several lines are one list', () => {
  assert.equal(
    RequestHeaders.of(['Upgrade', 'h2c', 'upgrade', 'websocket']).get('upgrade'),
    'h2c, websocket',
  );
});

test('a field that is empty is there', () => {
  assert.equal(RequestHeaders.of(['Authorization', '']).get('authorization'), '');
  assert.equal(RequestHeaders.of(['Host', '', 'Host', 'a']).repeated('host'), true);
});

test('new names are read correctly, however many came before them', () => {
  for (let i = 0; i < 5_000; i++) RequestHeaders.of([`X-${i}`, '']);
  assert.equal(RequestHeaders.of(['hOsT', 'a']).get('host'), 'a');
});
