/**
 * Several credential fields in one request: empty ones are none, a foreign token beside a key of ours is dropped, and two
 * keys of ours that differ are refused. One valid key is no way to try others.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { chatBody, Scene } from '../helpers/oracle.ts';

let scene: Scene;
before(async () => {
  scene = await Scene.open();
});
after(() => scene.close());

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
      const key = field(name, scene.key);
      for (const other of others(name))
        for (const none of empty(other)) {
          assert.equal((await scene.ask(list(key + none))).status, 200, none);
          assert.equal((await scene.ask(list(none + key))).status, 200, none);
        }
      assert.ok(scene.door.lines.every((line) => line.droppedCredentials === null));
      await scene.unharmed();
    });

  test('and nothing else is a request without a credential, which is no failed login', async () => {
    const before = scene.door.refusedLogins.length;
    for (let i = 0; i < 30; i++) {
      const fields = i % 2 === 0 ? '' : names.map((name) => empty(name)[i % 2]).join('');
      assert.equal((await scene.ask(list(fields))).status, 401);
    }
    assert.equal(scene.door.refusedLogins.length, before);
    // Nor does it bring a failed login that follows closer to the throttle.
    assert.equal((await scene.ask(list(field('Api-Key', 'flm_wrong')))).status, 401);
    await scene.unharmed();
  });

  test('does not keep a kept-alive connection from asking again', async () => {
    const wire = await scene.dial();
    const key = scene.addKey();
    const bytes = list(`${field('Authorization', key)}X-Api-Key:\r\n`);
    assert.equal((await wire.send(bytes).response()).status, 200);
    scene.door.revoke(key);
    assert.equal((await wire.send(bytes).response()).status, 401);
    await scene.unharmed();
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
          const mark = scene.secret(`${value}-4f1c`);
          assert.equal(
            (await scene.ask(asked(`${field(name, scene.key)}${other}: ${mark}\r\n`))).status,
            200,
            value,
          );
          assert.equal(scene.door.lines.at(-1)?.droppedCredentials, other.toLowerCase());
        }
        await scene.unharmed(values.map(() => chat));
      });

  test('in two fields is dropped in both', async () => {
    const fields = `${field('Authorization', 'sk-a')}${field('Api-Key', 'sk-b')}${field('X-Api-Key', scene.key)}`;
    assert.equal((await scene.ask(list(fields))).status, 200);
    assert.equal(scene.door.lines.at(-1)?.droppedCredentials, 'authorization, api-key');
    await scene.unharmed();
  });

  test('without a key of ours is a failed login', async () => {
    const before = scene.door.refusedLogins.length;
    for (const name of names)
      for (const value of foreign(name).filter((v) => v !== 'Bearer'))
        assert.equal((await scene.ask(list(`${name}: ${value}\r\n`))).status, 401, value);
    assert.equal(scene.door.refusedLogins.length, before + 5 + 3 + 3);
    await scene.unharmed();
  });

  test('beside a key that is revoked or expired does not hide what became of the key', async () => {
    const revoked = scene.addKey();
    scene.door.revoke(revoked);
    const expired = scene.addKey({ expiresAtMs: scene.clock.nowMs() - 1 });
    for (const [key, said] of [
      [revoked, /was revoked/],
      [expired, /has expired/],
    ] as const) {
      const response = await scene.ask(list(field('X-Api-Key', 'sk-else') + field('Authorization', key)));
      assert.equal(response.status, 401);
      assert.match(response.body.toString(), said);
    }
    await scene.unharmed();
  });
});

describe('two keys of ours that differ', () => {
  for (const kind of ['good', 'revoked', 'expired'] as const)
    for (const name of names)
      for (const other of others(name))
        test(`are refused: one in ${name}, a ${kind} one in ${other}`, async () => {
          const second = scene.addKey(kind === 'expired' ? { expiresAtMs: scene.clock.nowMs() - 1 } : {});
          if (kind === 'revoked') scene.door.revoke(second);
          const response = await scene.ask(list(field(name, scene.key) + field(other, second)));
          assert.equal(response.status, 400);
          assert.match(response.body.toString(), /"code":"auth_conflict"/);
          await scene.unharmed();
        });
  test('are refused beside a third token as well', async () => {
    const fields = `${field('Authorization', 'sk-else')}${field('X-Api-Key', scene.key)}${field('Api-Key', scene.addKey())}`;
    assert.equal((await scene.ask(list(fields))).status, 400);
    await scene.unharmed();
  });
  test('are refused on a connection that asked with one of them before', async () => {
    const wire = await scene.dial();
    const first = field('Authorization', scene.key);
    assert.equal((await wire.send(list(first)).response()).status, 200);
    assert.equal((await wire.send(list(first + field('Api-Key', scene.addKey()))).response()).status, 400);
    await scene.unharmed();
  });
});

describe('unknown tokens beside one key', () => {
  const beside = (token: string): string =>
    list(field('Authorization', scene.key) + field('X-Api-Key', token));

  test('are failed logins from the eleventh within a minute on', async () => {
    const before = scene.door.refusedLogins.length;
    for (let i = 0; i < 10; i++) assert.equal((await scene.ask(beside(`sk-${i}`))).status, 200);
    for (let i = 0; i < 20; i++) assert.equal((await scene.ask(beside(`sk-more-${i}`))).status, 401);
    // As guesses without a key are from then on.
    assert.equal((await scene.ask(beside('sk-last'))).status, 429);
    assert.deepEqual(scene.door.refusedLogins.slice(before).filter((throttled) => !throttled).length, 20);
    // The key itself is not locked out, nor are the tokens that it was seen with.
    assert.equal((await scene.ask(beside('sk-3'))).status, 200);
    assert.equal((await scene.ask(list(field('Authorization', scene.key)))).status, 200);
    // `unharmed` moves the clock by a minute.
    await scene.unharmed();
    assert.equal((await scene.ask(beside('sk-another'))).status, 200);
    await scene.unharmed();
  });

  test('that are one and the same are one', async () => {
    const before = scene.door.refusedLogins.length;
    for (let i = 0; i < 40; i++) assert.equal((await scene.ask(beside('sk-same'))).status, 200);
    assert.equal(scene.door.refusedLogins.length, before);
    await scene.unharmed();
  });
});
