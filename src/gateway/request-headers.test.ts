import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeaderTable, RequestHeaders } from './request-headers.ts';

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

test('every field that an operator adds reaches engines, also one that flm reads for its own pages', () => {
  const added = ['if-match', 'if-none-match', 'x-tenant'];
  const fields = RequestHeaders.of(
    ['If-None-Match', '"a"', 'If-Match', '"b"', 'X-Tenant', 't'],
    new HeaderTable(added),
  );
  assert.deepEqual(fields.passingLines().split('\r\n').toSorted(), [
    '',
    'if-match: "b"',
    'if-none-match: "a"',
    'x-tenant: t',
  ]);
  assert.equal(RequestHeaders.of(['If-None-Match', '"a"']).passingLines(), '');
});

test('a table that looks for forwarding sees every name that begins with X-Forwarded-, and no other table does', () => {
  const names = [
    'x-forwarded-',
    'X-Forwarded-Foo',
    `x-forwarded-${'a'.repeat(99)}`,
    'VIA',
    'X-Real-Ip',
    'forwarded',
  ];
  for (const name of names) {
    const seeing = RequestHeaders.of([name, ''], new HeaderTable([], { seesForwarding: true }));
    assert.equal(seeing.cameThroughProxy, true, name);
  }
  for (const name of ['x-forwarde', 'y-forwarded-for', 'x-forward-ed', `x-${'a'.repeat(99)}`]) {
    const seeing = RequestHeaders.of([name, ''], new HeaderTable([], { seesForwarding: true }));
    assert.equal(seeing.cameThroughProxy, false, name);
  }
  assert.equal(RequestHeaders.of(['X-Forwarded-Foo', '']).cameThroughProxy, false);
});
