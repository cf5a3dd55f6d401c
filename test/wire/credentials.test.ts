/**
 * Several credential fields in one request: empty ones are none, a foreign token beside a key of ours is dropped, and two
 * keys of ours that differ are refused. One valid key is no way to try others.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { AttackFixture, chatBody } from '../helpers/attack-fixture.ts';

let fixture: AttackFixture;
before(async () => {
  fixture = await AttackFixture.open();
});
after(() => fixture.close());

const names = ['Authorization', 'X-Api-Key', 'Api-Key'] as const;
type Name = (typeof names)[number];
const chat = 'POST /v1/chat/completions';

const field = (name: Name, token: string): string =>
  `${name}: ${name === 'Authorization' ? `Bearer ${token}` : token}\r\n`;
const list = (fields: string): string => `GET /v1/models HTTP/1.1\r\nHost: localhost\r\n${fields}\r\n`;
const asked = (fields: string): string =>
  `${chat} HTTP/1.1\r\nHost: localhost\r\n${fields}Content-Type: application/json\r\nContent-Length: ${chatBody.length}\r\n\r\n${chatBody}`;
const others = (name: Name): readonly Name[] => names.filter((n) => n !== name);

describe('an empty field', () => {
  const empty = (name: Name): readonly string[] =>
    name === 'Authorization'
      ? [
          'Authorization:\r\n',
          'Authorization: Bearer\r\n',
          'Authorization: Bearer \r\n',
          'Authorization: bearer\t\r\n',
        ]
      : [`${name}:\r\n`, `${name}: \t \r\n`];

  for (const name of names)
    test(`beside a key in ${name} is no credential`, async () => {
      const key = field(name, fixture.key);
      for (const other of others(name))
        for (const none of empty(other)) {
          assert.equal((await fixture.ask(list(key + none))).status, 200, none);
          assert.equal((await fixture.ask(list(none + key))).status, 200, none);
        }
      assert.ok(fixture.proxy.lines.every((line) => line.droppedCredentials === null));
      await fixture.assertUnharmed();
    });

  test('and nothing else is a request without a credential, which is no failed login', async () => {
    const before = fixture.proxy.refusedLogins.length;
    for (let i = 0; i < 30; i++) {
      const fields = i % 2 === 0 ? '' : names.map((name) => empty(name)[i % 2]).join('');
      assert.equal((await fixture.ask(list(fields))).status, 401);
    }
    assert.equal(fixture.proxy.refusedLogins.length, before);
    // Nor does it bring a failed login that follows closer to the throttle.
    assert.equal((await fixture.ask(list(field('Api-Key', 'flm_wrong')))).status, 401);
    await fixture.assertUnharmed();
  });

  test('does not keep a kept-alive connection from asking again', async () => {
    const wire = await fixture.dial();
    const key = fixture.addKey();
    const bytes = list(`${field('Authorization', key)}X-Api-Key:\r\n`);
    assert.equal((await wire.send(bytes).response()).status, 200);
    fixture.proxy.revoke(key);
    assert.equal((await wire.send(bytes).response()).status, 401);
    await fixture.assertUnharmed();
  });
});

describe('a token of somebody else', () => {
  const foreign = (name: Name): readonly string[] =>
    name === 'Authorization'
      ? [
          'Bearer sk-of-another-provider',
          'Basic dXNlcjpwYXNz',
          'Digest username="u", realm="r"',
          'AWS4-HMAC-SHA256 Credential=a/b, Signature=c',
          'Bearer',
          'a b c',
        ]
      : ['sk-of-another-provider', 'undefined', 'Bearer x'];

  for (const name of names)
    for (const other of others(name))
      test(`in ${other} beside a key in ${name} is dropped, and only its field's name is logged`, async () => {
        const values = foreign(other).filter((value) => value !== 'Bearer');
        for (const value of values) {
          const mark = fixture.secret(`${value}-4f1c`);
          assert.equal(
            (await fixture.ask(asked(`${field(name, fixture.key)}${other}: ${mark}\r\n`))).status,
            200,
            value,
          );
          assert.equal(fixture.proxy.lines.at(-1)?.droppedCredentials, other.toLowerCase());
        }
        await fixture.assertUnharmed(values.map(() => chat));
      });

  test('in two fields is dropped in both', async () => {
    const fields = `${field('Authorization', 'sk-a')}${field('Api-Key', 'sk-b')}${field('X-Api-Key', fixture.key)}`;
    assert.equal((await fixture.ask(list(fields))).status, 200);
    assert.equal(fixture.proxy.lines.at(-1)?.droppedCredentials, 'authorization, api-key');
    await fixture.assertUnharmed();
  });

  test('without a key of ours is a failed login', async () => {
    const before = fixture.proxy.refusedLogins.length;
    for (const name of names)
      for (const value of foreign(name).filter((v) => v !== 'Bearer'))
        assert.equal((await fixture.ask(list(`${name}: ${value}\r\n`))).status, 401, value);
    assert.equal(fixture.proxy.refusedLogins.length, before + 5 + 3 + 3);
    await fixture.assertUnharmed();
  });

  test('beside a key that is revoked or expired does not hide what became of the key', async () => {
    const revoked = fixture.addKey();
    fixture.proxy.revoke(revoked);
    const expired = fixture.addKey({ expiresAtMs: fixture.clock.nowMs() - 1 });
    for (const [key, said] of [
      [revoked, /was revoked/],
      [expired, /has expired/],
    ] as const) {
      const response = await fixture.ask(list(field('X-Api-Key', 'sk-else') + field('Authorization', key)));
      assert.equal(response.status, 401);
      assert.match(response.body.toString(), said);
    }
    await fixture.assertUnharmed();
  });
});

describe('two keys of ours that differ', () => {
  for (const kind of ['good', 'revoked', 'expired'] as const)
    for (const name of names)
      for (const other of others(name))
        test(`are refused: one in ${name}, a ${kind} one in ${other}`, async () => {
          const second = fixture.addKey(kind === 'expired' ? { expiresAtMs: fixture.clock.nowMs() - 1 } : {});
          if (kind === 'revoked') fixture.proxy.revoke(second);
          const response = await fixture.ask(list(field(name, fixture.key) + field(other, second)));
          assert.equal(response.status, 400);
          assert.match(response.body.toString(), /"code":"auth_conflict"/);
          await fixture.assertUnharmed();
        });
  test('are refused beside a third token as well', async () => {
    const fields = `${field('Authorization', 'sk-else')}${field('X-Api-Key', fixture.key)}${field('Api-Key', fixture.addKey())}`;
    assert.equal((await fixture.ask(list(fields))).status, 400);
    await fixture.assertUnharmed();
  });
  test('are refused on a connection that asked with one of them before', async () => {
    const wire = await fixture.dial();
    const first = field('Authorization', fixture.key);
    assert.equal((await wire.send(list(first)).response()).status, 200);
    assert.equal((await wire.send(list(first + field('Api-Key', fixture.addKey()))).response()).status, 400);
    await fixture.assertUnharmed();
  });
});

describe('unknown tokens beside one key', () => {
  const beside = (token: string): string =>
    list(field('Authorization', fixture.key) + field('X-Api-Key', token));

  test('are failed logins from the eleventh within a minute on', async () => {
    const before = fixture.proxy.refusedLogins.length;
    for (let i = 0; i < 10; i++) assert.equal((await fixture.ask(beside(`sk-${i}`))).status, 200);
    for (let i = 0; i < 20; i++) assert.equal((await fixture.ask(beside(`sk-more-${i}`))).status, 401);
    // As guesses without a key are from then on.
    assert.equal((await fixture.ask(beside('sk-last'))).status, 429);
    assert.deepEqual(fixture.proxy.refusedLogins.slice(before).filter((throttled) => !throttled).length, 20);
    // The key itself is not locked out, nor are the tokens that it was seen with.
    assert.equal((await fixture.ask(beside('sk-3'))).status, 200);
    assert.equal((await fixture.ask(list(field('Authorization', fixture.key)))).status, 200);
    // `unharmed` moves the clock by a minute.
    await fixture.assertUnharmed();
    assert.equal((await fixture.ask(beside('sk-another'))).status, 200);
    await fixture.assertUnharmed();
  });

  test('that are one and the same are one', async () => {
    const before = fixture.proxy.refusedLogins.length;
    for (let i = 0; i < 40; i++) assert.equal((await fixture.ask(beside('sk-same'))).status, 200);
    assert.equal(fixture.proxy.refusedLogins.length, before);
    await fixture.assertUnharmed();
  });
});
