/**
 * The client address: who may tell it in `X-Forwarded-For` and `Forwarded`, and what is decided by it.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { AttackFixture } from '../helpers/attack-fixture.ts';
import { get } from '../helpers/test-gateway.ts';

let fixture: AttackFixture;
before(async () => {
  fixture = await AttackFixture.open();
});
after(() => fixture.close());

describe('a forwarded address', () => {
  async function clientOf(fields: string): Promise<string | undefined> {
    const response = await fixture.ask(get('/v1/models', fixture.key, fields));
    assert.equal(response.status, 200);
    return fixture.proxy.lines.at(-1)?.client;
  }
  const xff = (value: string) => `X-Forwarded-For: ${value}\r\n`;

  test('from a peer that is no trusted proxy is not believed', async () => {
    assert.equal(await clientOf(xff('10.0.0.1')), '127.0.0.1');
    assert.equal(await clientOf('Forwarded: for=10.0.0.1\r\n'), '127.0.0.1');
    await fixture.assertUnharmed();
  });

  const walks: readonly (readonly [name: string, fields: string, client: string])[] = [
    ['one hop', xff('203.0.113.7'), '203.0.113.7'],
    ['a forged hop before it', xff('1.2.3.4, 203.0.113.7'), '203.0.113.7'],
    ['trusted hops behind it', xff('1.2.3.4, 203.0.113.7, 10.0.0.5, 10.0.0.6'), '203.0.113.7'],
    ['several lines', xff('1.2.3.4') + xff('203.0.113.7') + xff('10.0.0.5'), '203.0.113.7'],
    ['a mapped address', xff('::ffff:203.0.113.7'), '203.0.113.7'],
    ['a port', xff('203.0.113.7:8080'), '203.0.113.7'],
    ['brackets and a port', xff('[2001:db8::7]:8080'), '2001:db8::7'],
    ['rubbish to the left', xff('<script>, 203.0.113.7'), '203.0.113.7'],
    ['only trusted hops', xff('10.0.0.4, 10.0.0.5'), '10.0.0.4'],
    ['Forwarded', 'Forwarded: for=203.0.113.7;proto=https\r\n', '203.0.113.7'],
    ['Forwarded with quotes', 'Forwarded: for="[2001:db8::7]:80"\r\n', '2001:db8::7'],
    ['a forged Forwarded before it', 'Forwarded: for=1.2.3.4, for=203.0.113.7\r\n', '203.0.113.7'],
    [
      'a forged Forwarded that it let pass',
      `Forwarded: for=1.2.3.4\r\n${xff('203.0.113.7')}Forwarded: for=10.0.0.5\r\n`,
      '203.0.113.7',
    ],
  ];
  for (const [name, fields, client] of walks)
    test(`from a trusted proxy: ${name}`, async () => {
      fixture.proxy.setPolicy({ trustedProxies: ['127.0.0.1', '10.0.0.0/8'] });
      assert.equal(await clientOf(fields), client);
      await fixture.assertUnharmed();
    });

  const unreadable: readonly (readonly [name: string, fields: string, field: string])[] = [
    ['rubbish to the right', xff('203.0.113.7, unknown'), 'X-Forwarded-For'],
    ['rubbish behind a trusted hop', xff('203.0.113.7, unknown, 10.0.0.5'), 'X-Forwarded-For'],
    ['rubbish in the last of several lines', xff('203.0.113.7') + xff('unknown'), 'X-Forwarded-For'],
    ['a short form', xff('127.1'), 'X-Forwarded-For'],
    ['nothing', xff(''), 'X-Forwarded-For'],
    ['an empty hop', xff('203.0.113.7,'), 'X-Forwarded-For'],
    ['a hidden hop', 'Forwarded: for=203.0.113.7, for=_hidden\r\n', 'Forwarded'],
    ['an unknown hop', 'Forwarded: for=unknown\r\n', 'Forwarded'],
    ['no hop', 'Forwarded: proto=https\r\n', 'Forwarded'],
    ['an open quote', 'Forwarded: for="203.0.113.7\r\n', 'Forwarded'],
  ];
  for (const [name, fields, field] of unreadable)
    test(`from a trusted proxy that cannot be read is refused by both readers, and named: ${name}`, async () => {
      // The proxy's own address is let in: without the refusal the request would pass.
      fixture.proxy.setPolicy({ trustedProxies: ['127.0.0.1', '10.0.0.0/8'], denyIps: ['203.0.113.0/24'] });
      for (const odd of ['', 'X-Name: \xe4\r\n'])
        for (const key of [fixture.key, 'wrong']) {
          const response = await fixture.ask(get('/v1/models', key, fields + odd));
          assert.equal(response.status, 400);
          assert.match(response.body.toString(), new RegExp(` in its ${field} field is not an IP address`));
          assert.equal(fixture.proxy.lines.at(-1)?.client, '127.0.0.1');
        }
      fixture.proxy.setPolicy({});
      assert.equal((await fixture.ask(get('/v1/models', fixture.key, fields))).status, 200);
      await fixture.assertUnharmed();
    });

  test('is held to the lists of the policy and of the key', async () => {
    fixture.proxy.setPolicy({ trustedProxies: ['127.0.0.1'], denyIps: ['10.0.0.1'] });
    const denied = get('/v1/models', fixture.key, xff('::ffff:10.0.0.1'));
    assert.match((await fixture.ask(denied)).body.toString(), /address_denied/);
    const own = fixture.addKey({ addresses: ['192.0.2.0/24'] });
    assert.match((await fixture.ask(get('/v1/models', own))).body.toString(), /key_address_denied/);
    assert.equal((await fixture.ask(get('/v1/models', own, xff('192.0.2.9')))).status, 200);
    fixture.proxy.setPolicy({ trustedProxies: ['127.0.0.1'], allowIps: ['192.0.2.9'] });
    assert.equal((await fixture.ask(get('/v1/models', fixture.key, xff('192.0.2.9')))).status, 200);
    assert.match((await fixture.ask(get('/v1/models', fixture.key))).body.toString(), /address_denied/);
    await fixture.assertUnharmed();
  });

  test('counts for rates, and a mapped one is the same one', async () => {
    fixture.proxy.setPolicy({ trustedProxies: ['127.0.0.1'], requestsPerMinutePerAddress: 2 });
    const statuses: number[] = [];
    for (const value of ['192.0.2.1', '::ffff:192.0.2.1', '::ffff:c000:201', '192.0.2.2'])
      statuses.push((await fixture.ask(get('/v1/models', fixture.key, xff(value)))).status);
    assert.deepEqual(statuses, [200, 200, 429, 200]);
    await fixture.assertUnharmed();
  });
});
