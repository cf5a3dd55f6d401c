import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { assertLinear } from '../../test/helpers/count-steps.ts';
import { headOnlyExchange } from '../../test/helpers/head-only-exchange.ts';
import { findClientAddress } from './client-address.ts';

const proxies = ['10.0.0.0/16', '2001:db8:1::/48'];

/** The client's address, or the field that cannot be read. */
function clientOf(fields: readonly string[], trustedProxies = proxies, peer = '10.0.0.1'): string {
  const x = headOnlyExchange({ fields, peer, policy: { trustedProxies: [...trustedProxies] } });
  findClientAddress(x);
  if (x.unreadableHop !== undefined) assert.equal(x.client.text, peer);
  return x.unreadableHop ?? x.client.text;
}

test('where no proxy is trusted the client is the peer, whatever it says', () => {
  for (const value of ['1.2.3.4', 'unknown', '']) {
    assert.equal(clientOf(['X-Forwarded-For', value], []), '10.0.0.1');
    assert.equal(clientOf(['X-Forwarded-For', value], ['10.0.0.2']), '10.0.0.1');
    assert.equal(clientOf(['Forwarded', value], ['10.0.0.2']), '10.0.0.1');
  }
});

test('a trusted proxy that names no client is the client itself', () => {
  assert.equal(clientOf([]), '10.0.0.1');
});

test('X-Forwarded-For goes before Forwarded, also where it cannot be read', () => {
  const forwarded = ['Forwarded', 'for=5.6.7.8'];
  assert.equal(clientOf(['X-Forwarded-For', '1.2.3.4', ...forwarded]), '1.2.3.4');
  assert.equal(clientOf(['X-Forwarded-For', 'unknown', ...forwarded]), 'X-Forwarded-For');
});

test('an address may have a port, brackets and a zone', () => {
  const addresses = [
    ['1.2.3.4', '1.2.3.4'],
    [' 1.2.3.4\t', '1.2.3.4'],
    ['1.2.3.4:8080', '1.2.3.4'],
    ['2001:db8::7', '2001:db8::7'],
    ['[2001:db8::7]', '2001:db8::7'],
    ['[2001:DB8:0::7]:443', '2001:db8::7'],
    ['::ffff:1.2.3.4', '1.2.3.4'],
    ['fe80::1%eth0', 'fe80::1'],
  ] as const;
  for (const [hop, address] of addresses) {
    assert.equal(clientOf(['X-Forwarded-For', hop]), address, hop);
    assert.equal(clientOf(['Forwarded', `for="${hop.trim()}"`]), address, hop);
  }
  assert.equal(clientOf(['Forwarded', 'for="[2001:db8::7]:_hidden"']), '2001:db8::7');
});

test('a last hop that is no address is not taken for the proxy that sent it', () => {
  const hops = [
    '',
    ' ',
    'unknown',
    '_hidden',
    'unix:',
    'localhost',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.256',
    '01.2.3.4',
    '0x7f.1',
    '1.2.3.4:',
    '1.2.3.4:port',
    '1.2.3.4:123456',
    '[1.2.3.4]x',
    '[2001:db8::7',
    '2001:db8::7]',
    '[]',
    '[::g]',
    '"1.2.3.4"',
    '1.2.3.4 5.6.7.8',
    '1.2.3.4;5.6.7.8',
    'http://1.2.3.4',
    '1.2.3.4/32',
    'x'.repeat(200),
  ];
  for (const hop of hops) {
    for (const list of [hop, `1.2.3.4, ${hop}`, `1.2.3.4,${hop},10.0.0.9`])
      assert.equal(clientOf(['X-Forwarded-For', list]), 'X-Forwarded-For', list);
    for (const list of [`for=${hop}`, `for=1.2.3.4, for=${hop}`, `for=1.2.3.4, for="${hop}", for=10.0.0.9`])
      if (hop !== '"1.2.3.4"') assert.equal(clientOf(['Forwarded', list]), 'Forwarded', list);
  }
});

test('what stands to the left of the client is not looked at', () => {
  for (const forged of ['unknown', '', 'x'.repeat(9_000), '10.0.0.9', '"'])
    assert.equal(clientOf(['X-Forwarded-For', `${forged}, 203.0.113.7, 10.0.0.9`]), '203.0.113.7', forged);
});

test('fields that came in several lines are one list', () => {
  const lines = ['X-Forwarded-For', '1.2.3.4', 'x-forwarded-for', '203.0.113.7'];
  assert.equal(clientOf(lines), '203.0.113.7');
  assert.equal(clientOf([...lines, 'X-FORWARDED-FOR', 'unknown']), 'X-Forwarded-For');
  assert.equal(clientOf(['Forwarded', 'for=1.2.3.4', 'forwarded', 'for=203.0.113.7']), '203.0.113.7');
  assert.equal(clientOf(['Forwarded', 'for="1.2.3.4', 'forwarded', 'for=203.0.113.7;x="']), 'Forwarded');
});

test('where every hop is a trusted proxy the first one is the client', () => {
  assert.equal(clientOf(['X-Forwarded-For', '10.0.0.3, 10.0.0.2']), '10.0.0.3');
  assert.equal(clientOf(['Forwarded', 'for=10.0.0.3, for="[2001:db8:1::1]"']), '10.0.0.3');
  assert.equal(clientOf(['X-Forwarded-For', Array(32).fill('10.0.0.2').join()]), '10.0.0.2');
  assert.equal(clientOf(['X-Forwarded-For', Array(33).fill('10.0.0.2').join()]), 'X-Forwarded-For');
  assert.equal(clientOf(['Forwarded', Array(33).fill('for=10.0.0.2').join()]), 'Forwarded');
});

test('for is a parameter in any case and place, and nothing else is', () => {
  for (const value of [
    'for=5.6.7.8',
    'FOR="5.6.7.8:80"',
    'proto=http;for=5.6.7.8;by=9.9.9.9',
    'by=9.9.9.9; for=5.6.7.8',
    'host="a,b;for=1.1.1.1\\"";;For=5.6.7.8;',
  ])
    assert.equal(clientOf(['Forwarded', value]), '5.6.7.8', value);
  for (const value of [
    'xfor=5.6.7.8',
    'by=5.6.7.8',
    'proto=https',
    'for=',
    '',
    ';;',
    '=5.6.7.8',
    'for="5.6.7.8',
    'for=5.6.7.8;for=1.2.3.4',
    'for=5.6.7.8 by=x',
    'for ="5.6.7.8"',
    'for="5.6.7.8"x',
    'for="5.6.7\\.8"',
  ])
    assert.equal(clientOf(['Forwarded', value]), 'Forwarded', value);
});

test('no text that a client puts in front swallows the element that its proxy adds', () => {
  const parts = fc.constantFrom(
    'for=',
    '1.1.1.1',
    '"',
    ';',
    ',',
    '=',
    '\\',
    ' ',
    'x',
    'by',
    'for="10.0.0.9"',
  );
  const added = fc.constantFrom(
    'for=203.0.113.7',
    'for="203.0.113.7:80";proto="http"',
    'by="x";for=203.0.113.7',
  );
  fc.assert(
    fc.property(fc.array(parts, { maxLength: 12 }), added, (forged, element) => {
      const said = clientOf(['Forwarded', `${forged.join('')}, ${element}`]);
      assert.ok(said === '203.0.113.7' || said === 'Forwarded', said);
    }),
    { numRuns: 2_000, interruptAfterTimeLimit: 3_000 },
  );
});

test('the work of finding the client grows with the field, whatever it holds', () => {
  const values: readonly ((size: number) => string)[] = [
    (size) => `for=${' '.repeat(size)}"x`,
    (size) => `for="${' '.repeat(size)}`,
    (size) => `for="${'\\'.repeat(size)}`,
    (size) => ','.repeat(size),
    (size) => ';'.repeat(size),
    (size) => 'for=10.0.0.9,'.repeat(size / 13),
    (size) => 'for="[2001:db8:1::1]",'.repeat(size / 22),
    (size) => '10.0.0.9,'.repeat(size / 9),
    (size) => '2001:db8:1::1,'.repeat(size / 14),
    (size) => `${' '.repeat(size)}x`,
    (size) => '1'.repeat(size),
    (size) => ':'.repeat(size),
    (size) => `[${':'.repeat(90)}],`.repeat(size / 93),
  ];
  for (const value of values)
    for (const name of ['X-Forwarded-For', 'Forwarded'])
      assertLinear(
        `${name}: ${value(30)}`,
        (size) => {
          const x = headOnlyExchange({
            fields: [name, value(size)],
            peer: '10.0.0.1',
            policy: { trustedProxies: proxies },
          });
          return () => findClientAddress(x);
        },
        { sizes: [1_000, 4_000, 16_000], fixed: 30_000, perUnit: 20 },
      );
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
      assert.equal(clientOf(['X-Forwarded-For', hops.join(', ')]), '203.0.113.7');
    }),
    { numRuns: 300, interruptAfterTimeLimit: 3_000 },
  );
});
