/** A proxy that has not read its database for too long: it accepts no stored key, and tells only holders of one why. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { AttackFixture } from '../helpers/attack-fixture.ts';
import { get } from '../helpers/test-gateway.ts';

let fixture: AttackFixture;
before(async () => {
  fixture = await AttackFixture.open();
});
after(() => fixture.close());

test('a stored key gets 503 with a time to come back, also on a connection that used it before', async () => {
  const wire = await fixture.proxy.dial();
  const ask = async () => {
    wire.send(get('/v1/models', fixture.key));
    return wire.response();
  };
  assert.equal((await ask()).status, 200);
  fixture.proxy.snapshots.setExpired(true);
  const refused = await ask();
  assert.equal(refused.status, 503);
  assert.equal(JSON.parse(refused.body.toString()).error.code, 'keys_outdated');
  assert.equal(refused.field('retry-after'), '5');
  fixture.proxy.snapshots.setExpired(false);
  assert.equal((await ask()).status, 200);
  wire.close();
  await fixture.assertUnharmed();
});

test('a wrong, a missing and a revoked key get the same answers as ever', async () => {
  const revoked = fixture.proxy.addKey();
  fixture.proxy.revoke(revoked);
  const asks = [
    get('/v1/models', 'flm_wrong'),
    'GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n',
    get('/v1/models', revoked),
  ];
  const answers = async () => {
    const all = [];
    for (const each of asks) {
      const { status, body } = await fixture.ask(each);
      all.push([status, body.toString().replaceAll(/req_\w+/g, 'req')]);
    }
    return all;
  };
  const usual = await answers();
  fixture.proxy.snapshots.setExpired(true);
  assert.deepEqual(await answers(), usual);
  fixture.proxy.snapshots.setExpired(false);
  await fixture.assertUnharmed();
});

test('/ready is 503 meanwhile, and /health stays 200', async () => {
  const probe = (path: string) => fixture.ask(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  fixture.proxy.snapshots.setExpired(true);
  const ready = await probe('/ready');
  assert.deepEqual([ready.status, ready.body.toString()], [503, '{"status":"outdated"}']);
  assert.equal((await probe('/health')).status, 200);
  fixture.proxy.snapshots.setExpired(false);
  assert.equal((await probe('/ready')).status, 200);
  await fixture.assertUnharmed();
});
