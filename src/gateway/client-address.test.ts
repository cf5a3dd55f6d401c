import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bareExchange } from '../../test/helpers/bare-exchange.ts';
import { findClient } from './client-address.ts';

function clientOf(fields: readonly string[], trustedProxies: readonly string[], peer = '10.0.0.1'): string {
  const x = bareExchange({ fields, peer, policy: { trustedProxies: [...trustedProxies] } });
  findClient(x);
  return x.client.text;
}

test('where no proxy is trusted the client is the peer, whatever it says', () => {
  assert.equal(clientOf(['X-Forwarded-For', '1.2.3.4'], []), '10.0.0.1');
  assert.equal(clientOf(['X-Forwarded-For', '1.2.3.4'], ['10.0.0.2']), '10.0.0.1');
});

test('X-Forwarded-For goes before Forwarded, also where it says nothing', () => {
  const both = ['X-Forwarded-For', '1.2.3.4', 'Forwarded', 'for=5.6.7.8'];
  assert.equal(clientOf(both, ['10.0.0.1']), '1.2.3.4');
  assert.equal(
    clientOf(['X-Forwarded-For', 'unknown', 'Forwarded', 'for=5.6.7.8'], ['10.0.0.1']),
    '10.0.0.1',
  );
});

test('for is a parameter in any case and place, and nothing else is', () => {
  for (const value of [
    'for=5.6.7.8',
    'FOR="5.6.7.8:80"',
    'proto=http;for=5.6.7.8;by=9.9.9.9',
    'by=9.9.9.9; for=5.6.7.8',
  ])
    assert.equal(clientOf(['Forwarded', value], ['10.0.0.1']), '5.6.7.8', value);
  for (const value of [
    'xfor=5.6.7.8',
    'by=5.6.7.8',
    'for=_x',
    'for=unknown',
    'for=',
    '',
    ';;',
    'for="5.6.7.8',
  ])
    assert.match(clientOf(['Forwarded', value], ['10.0.0.1']), /^(10\.0\.0\.1|5\.6\.7\.8)$/, value);
  assert.equal(clientOf(['Forwarded', 'xfor=5.6.7.8'], ['10.0.0.1']), '10.0.0.1');
});

test('what a stranger writes to the left changes nothing', () => {
  const anything = fc.array(
    fc.constantFrom('1.2.3.4', 'x', '', '10.0.0.1', '::1', ' ', '"', 'unknown', '127.0.0.1'),
  );
  fc.assert(
    fc.property(anything, fc.nat({ max: 3 }), (forged, trustedHops) => {
      const hops = [
        ...forged,
        '203.0.113.7',
        ...Array.from({ length: trustedHops }, (_, i) => `10.0.1.${i}`),
      ];
      assert.equal(clientOf(['X-Forwarded-For', hops.join(', ')], ['10.0.0.0/16']), '203.0.113.7');
    }),
    { numRuns: 300, interruptAfterTimeLimit: 3_000 },
  );
});
