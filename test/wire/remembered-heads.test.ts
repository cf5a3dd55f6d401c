/**
 * A connection remembers its last head. Whatever can change is still judged for every request: the key, the address, the
 * policy, the limits, and whether the proxy stops. Everything that differs in one byte is another head.
 */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, mock, test } from 'node:test';
import { HeadMemory } from '../../src/gateway/http/head-memory.ts';
import { AttackFixture, chatBody } from '../helpers/attack-fixture.ts';
import type { Wire, WireResponse } from '../helpers/test-gateway.ts';

const recall = mock.method(HeadMemory.prototype, 'recall');
const note = mock.method(HeadMemory.prototype, 'note');

let fixture: AttackFixture;
before(async () => {
  fixture = await AttackFixture.open();
});
beforeEach(() => {
  recall.mock.resetCalls();
  note.mock.resetCalls();
});
after(() => fixture.close());

const chat = 'POST /v1/chat/completions';
interface Parts {
  readonly target?: string;
  readonly key?: string;
  readonly fields?: string;
  readonly body?: string;
}
function request({
  target = '/v1/chat/completions',
  key = fixture.key,
  fields = '',
  body = chatBody,
}: Parts = {}) {
  return (
    `POST ${target} HTTP/1.1\r\nHost: localhost\r\n${fields}Content-Type: application/json\r\n` +
    `Authorization: Bearer ${key}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nAccept: */*\r\n\r\n${body}`
  );
}

/** Whether the last head was the remembered one. */
function wasRecalled(): boolean {
  return recall.mock.calls.at(-1)?.result !== undefined;
}

/** A connection that remembers this head: two requests teach it, the third one uses it. */
async function remembering(parts: Parts = {}): Promise<Wire> {
  const wire = await fixture.dial();
  for (const used of [false, false, true]) {
    const response = await wire.send(request(parts)).response();
    assert.equal(response.status, 200, response.body.toString());
    assert.equal(wasRecalled(), used);
  }
  const memory = recall.mock.calls.at(-1)?.this;
  assert.ok(memory instanceof HeadMemory);
  return wire;
}
const chats = (count: number): readonly string[] => Array.from({ length: count }, () => chat);

async function refused(wire: Wire, bytes: string, status: number, text: RegExp): Promise<WireResponse> {
  const response = await wire.send(bytes).response();
  assert.equal(response.status, status, response.body.toString());
  assert.match(response.body.toString(), text);
  return response;
}

describe('on a connection with a remembered head', () => {
  test('a key that was revoked is refused', async () => {
    const key = fixture.addKey();
    const wire = await remembering({ key });
    fixture.proxy.revoke(key);
    await refused(wire, request({ key }), 401, /was revoked/);
    assert.equal(wasRecalled(), true);
    await fixture.assertUnharmed(chats(3));
  });

  test('a key that expired is refused', async () => {
    const key = fixture.addKey({ expiresAtMs: fixture.clock.nowMs() + 1_000 });
    const wire = await remembering({ key });
    fixture.clock.jump(1_000);
    await refused(wire, request({ key }), 401, /has expired/);
    assert.equal(wasRecalled(), true);
    await fixture.assertUnharmed(chats(3));
  });

  test('a paused key is refused until it is resumed', async () => {
    const key = fixture.addKey();
    const wire = await remembering({ key });
    fixture.proxy.pause(key);
    await refused(wire, request({ key }), 403, /auth_paused/);
    fixture.proxy.pause(key, false);
    assert.equal((await wire.send(request({ key })).response()).status, 200);
    assert.equal(wasRecalled(), true);
    await fixture.assertUnharmed(chats(4));
  });

  test('a key is refused while the copy of the database is too old', async () => {
    const wire = await remembering();
    fixture.proxy.snapshots.setExpired(true);
    await refused(wire, request(), 503, /keys_outdated/);
    assert.equal(wasRecalled(), true);
    fixture.proxy.snapshots.setExpired(false);
    await fixture.assertUnharmed(chats(3));
  });

  test('an address that the policy denies from now on is refused', async () => {
    const wire = await remembering();
    fixture.proxy.setPolicy({ denyIps: ['127.0.0.1'] });
    await refused(wire, request(), 403, /address_denied/);
    assert.equal(wasRecalled(), true);
    await fixture.assertUnharmed(chats(3));
  });

  test('the address behind a proxy is read again when the policy trusts that proxy, or no longer does', async () => {
    const fields = 'X-Forwarded-For: 203.0.113.9\r\n';
    const wire = await remembering({ fields });
    fixture.proxy.setPolicy({ trustedProxies: ['127.0.0.1'], denyIps: ['203.0.113.9'] });
    await refused(wire, request({ fields }), 403, /address_denied/);
    assert.equal(wasRecalled(), true);
    fixture.proxy.setPolicy({ denyIps: ['203.0.113.9'] });
    assert.equal((await wire.send(request({ fields })).response()).status, 200);
    assert.equal(fixture.proxy.lines.at(-1)?.client, '127.0.0.1');
    await fixture.assertUnharmed(chats(4));
  });

  test('a hop that is no address is refused as soon as its proxy is trusted', async () => {
    const fields = 'X-Forwarded-For: nowhere\r\n';
    const wire = await remembering({ fields });
    fixture.proxy.setPolicy({ trustedProxies: ['127.0.0.1'] });
    await refused(wire, request({ fields }), 400, /request_malformed/);
    assert.equal(wasRecalled(), true);
    await fixture.assertUnharmed(chats(3));
  });

  test('an origin that the policy denies from now on is refused', async () => {
    const fields = 'Origin: https://app.example.org\r\n';
    fixture.proxy.setPolicy({ allowOrigins: ['https://app.example.org'] });
    const wire = await remembering({ fields });
    fixture.proxy.setPolicy({ allowOrigins: [] });
    await refused(wire, request({ fields }), 403, /origin_denied/);
    assert.equal(wasRecalled(), true);
    await fixture.assertUnharmed(chats(3));
  });

  test('the rate of the key counts every request', async () => {
    const key = fixture.addKey();
    fixture.proxy.setPolicy({ requestsPerMinutePerKey: 4 });
    const wire = await remembering({ key });
    const fourth = await wire.send(request({ key })).response();
    assert.equal(fourth.field('x-ratelimit-remaining-requests'), '0');
    await refused(wire, request({ key }), 429, /rate_limit_exceeded/);
    assert.equal(wasRecalled(), true);
    await fixture.assertUnharmed(chats(4));
  });

  test('every request has its own id and its own line in the log', async () => {
    const wire = await fixture.dial();
    const from = fixture.proxy.lines.length;
    const ids: (string | undefined)[] = [];
    for (let i = 0; i < 4; i++) ids.push((await wire.send(request()).response()).field('x-request-id'));
    assert.equal(new Set(ids).size, 4);
    assert.deepEqual(
      fixture.proxy.lines.slice(from).map(({ id, path }) => [id, path]),
      ids.map((id) => [id, '/v1/chat/completions']),
    );
    await fixture.assertUnharmed(chats(4));
  });

  test('a foreign token beside the key is dropped and logged each time', async () => {
    const wire = await remembering({ fields: 'X-Api-Key: sk-of-another-provider\r\n' });
    assert.equal(fixture.proxy.lines.at(-1)?.droppedCredentials, 'x-api-key');
    wire.close();
    await fixture.assertUnharmed(chats(3));
  });

  test('a head that the connection did not send last is parsed: another key, path, field or order', async () => {
    const other = fixture.addKey();
    const wrong = `${fixture.key.slice(0, -1)}${fixture.key.endsWith('0') ? '1' : '0'}`;
    const swapped = request().replace(/(Host: .*\r\n)(Content-Type: .*\r\n)/, '$2$1');
    const cases: readonly (readonly [bytes: string, status: number])[] = [
      [request({ key: other }), 200],
      [request({ key: wrong }), 401],
      [request({ target: '/v1/chat/completion%' }), 400],
      [request({ target: '/v1/chat/completionx' }), 404],
      [request().replace('application/json', 'multipart/mixes'), 415],
      [request().replace('Host: localhost', 'Host: evil.host'), 421],
      [request().replace('Accept: */*', 'Expect: 1/1'), 417],
      [swapped, 200],
    ];
    for (const [bytes, status] of cases) {
      const wire = await remembering();
      const response = await wire.send(bytes).response();
      assert.equal(response.status, status, bytes);
      assert.equal(wasRecalled(), false);
      wire.close();
    }
    await fixture.assertUnharmed(chats(cases.length * 3 + 2));
  });

  test('a field that reaches the engine is the one of this request', async () => {
    const org = (name: string): Parts => ({ fields: `OpenAI-Organization: org-${name}\r\n` });
    const wire = await remembering(org('a'));
    assert.equal(fixture.engine.requests.at(-1)?.field('openai-organization'), 'org-a');
    assert.equal((await wire.send(request(org('b'))).response()).status, 200);
    assert.equal(fixture.engine.requests.at(-1)?.field('openai-organization'), 'org-b');
    await fixture.assertUnharmed(chats(4));
  });

  test('a query is the one of this request', async () => {
    const target = (version: string): Parts => ({ target: `/v1/chat/completions?api-version=${version}` });
    const wire = await remembering(target('1'));
    const seen = fixture.engine.requests.at(-1)?.head.split(' ')[1];
    assert.equal((await wire.send(request(target('2'))).response()).status, 200);
    assert.equal(wasRecalled(), false);
    assert.equal(fixture.engine.requests.at(-1)?.head.split(' ')[1], seen?.replace('=1', '=2'));
    await fixture.assertUnharmed(chats(4));
  });

  test('a stopping proxy refuses', async () => {
    const own = await AttackFixture.open();
    const wire = await own.dial();
    const bytes = request({ key: own.key });
    for (let i = 0; i < 3; i++) assert.equal((await wire.send(bytes).response()).status, 200);
    assert.equal(wasRecalled(), true);
    own.proxy.gateway.release();
    await refused(wire, bytes, 503, /draining/);
    assert.equal(wasRecalled(), true);
    await own.close();
  });
});

describe('bodies behind a remembered head', () => {
  const bodyOf = (length: number): string => {
    const frame = '{"model":"m","x":""}';
    return frame.replace('""', `"${'y'.repeat(length - frame.length)}"`);
  };

  test('have any length', async () => {
    const wire = await remembering();
    for (const length of [99, 100, 57, 999, 1_000, 20, 70_000]) {
      const body = bodyOf(length);
      assert.equal((await wire.send(request({ body })).response()).status, 200);
      assert.equal(wasRecalled(), true);
      assert.equal(fixture.engine.requests.at(-1)?.body.toString(), body);
    }
    await fixture.assertUnharmed(chats(10));
  });

  test('may arrive in pieces, wherever head or body are cut', async () => {
    const bytes = request();
    const headEnd = bytes.indexOf('\r\n\r\n') + 4;
    const cuts = [
      1,
      20,
      bytes.indexOf('Content-Length') + 17,
      headEnd - 2,
      headEnd - 1,
      headEnd,
      headEnd + 1,
    ];
    for (const cut of cuts) {
      const wire = await remembering();
      wire.send(bytes.slice(0, cut));
      // Two packets, two reads.
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal((await wire.send(bytes.slice(cut)).response()).status, 200, `cut at ${cut}`);
      assert.equal(fixture.engine.requests.at(-1)?.body.toString(), chatBody);
      // The connection works as before, whichever parser has it.
      for (let i = 0; i < 3; i++) assert.equal((await wire.send(bytes).response()).status, 200);
      wire.close();
    }
    await fixture.assertUnharmed(chats(cuts.length * 7));
  });

  test('end before the next request, also where several come together', async () => {
    const wire = await remembering();
    wire.send(request() + request() + request({ body: bodyOf(300) }));
    for (let i = 0; i < 3; i++) assert.equal((await wire.response()).status, 200);
    assert.equal(fixture.engine.requests.at(-1)?.body.toString(), bodyOf(300));
    await fixture.assertUnharmed(chats(6));
  });

  test('have one length, and no other framing', async () => {
    const length = `Content-Length: ${chatBody.length}\r\n`;
    const framings = [
      `${length}${length}`,
      `${length}Content-Length: 1\r\n`,
      `${length}Transfer-Encoding: chunked\r\n`,
      `Content-Length: ${chatBody.length},${chatBody.length}\r\n`,
      `Content-Length: +${chatBody.length}\r\n`,
      `Content-Length: ${chatBody.length}x\r\n`,
      `Content-Length: ${'9'.repeat(20)}\r\n`,
      'Content-Length: 99999999999\r\n',
      'Content-Length: \r\n',
    ];
    for (const framing of framings) {
      const bytes = request().replace(length, framing);
      const alone = await fixture.ask(bytes);
      const wire = await remembering();
      const response = await wire.send(bytes).response();
      assert.equal(response.status, alone.status, framing);
      assert.ok(response.status >= 400, framing);
      wire.close();
    }
    await fixture.assertUnharmed(chats(framings.length * 3));
  });
});

describe('a remembered head', () => {
  test('is dropped when no request used it for five seconds', async () => {
    const wire = await remembering();
    const memory = recall.mock.calls.at(-1)?.this;
    assert.ok(memory instanceof HeadMemory);
    await fixture.clock.move(3_000);
    assert.equal(memory.isEmpty, false);
    await fixture.clock.move(2_000);
    assert.equal(memory.isEmpty, true);
    assert.equal((await wire.send(request()).response()).status, 200);
    assert.equal(wasRecalled(), false);
    await fixture.assertUnharmed(chats(4));
  });

  test('is dropped when another parser takes the connection', async () => {
    const wire = await remembering();
    const memory = recall.mock.calls.at(-1)?.this;
    assert.ok(memory instanceof HeadMemory);
    // Two requests in one read.
    wire.send(request() + request());
    for (let i = 0; i < 2; i++) assert.equal((await wire.response()).status, 200);
    assert.equal(memory.isEmpty, true);
    await fixture.assertUnharmed(chats(5));
  });

  test('is kept only for requests with a key that go to an engine', async () => {
    const heads = [
      'GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n',
      `GET /v1/models HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${fixture.key}\r\n\r\n`,
      request({ key: 'flm_wrong' }),
      `GET /flm/me HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${fixture.key}\r\n\r\n`,
    ];
    for (const bytes of heads) {
      const wire = await fixture.dial();
      const statuses = new Set<number>();
      for (let i = 0; i < 5; i++) {
        statuses.add((await wire.send(bytes).response()).status);
        assert.equal(wasRecalled(), false);
      }
      assert.equal(statuses.size, 1);
      wire.close();
    }
    await fixture.assertUnharmed();
  });
});
