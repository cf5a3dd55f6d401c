/**
 * Two engines with one model, one of which fails at once: it must not attract the traffic, one key's prompts must not
 * move other keys' requests, and no prompt that may have broken an engine is sent to the next one.
 */
import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { endFixtureAfterEachTest, GatewayFixture } from '../helpers/gateway-fixture.ts';
import {
  answer,
  chunk,
  lastChunk,
  type RawEngine,
  reset,
  type Script,
  type Steps,
  sseHead,
} from '../helpers/raw-engine.ts';
import { post } from '../helpers/test-gateway.ts';

let fixture: GatewayFixture;
let keys: readonly string[];
endFixtureAfterEachTest(() => fixture);
beforeEach(async () => {
  const models = [{ id: 'm' }];
  fixture = await GatewayFixture.openReal([
    { id: 'first', kind: 'vllm', models },
    { id: 'twin', kind: 'vllm', models },
  ]);
  keys = [fixture.addKey({}), fixture.addKey({}), fixture.addKey({})];
});

const good = answer('{"good":true}');
const json = 'application/json';

function twin(): RawEngine {
  return fixture.engines[1] as RawEngine;
}

async function ask(key: string, body: object = { model: 'm' }): Promise<number> {
  const wire = await fixture.send(post('/v1/chat/completions', key, JSON.stringify(body)));
  const { status } = await wire.response();
  wire.close();
  return status;
}

/** Prompts that hold "poison" break the engine; all others are answered. */
function poisoned(engine: RawEngine): void {
  engine.setScript((_socket, request) => (request.body.includes('poison') ? [reset] : [good]));
}

const poison = { model: 'm', messages: [{ role: 'user', content: 'poison' }] };

function rankOf(id: string) {
  return fixture.statuses().find((e) => e.ref.id === id)?.rank;
}

describe('an engine that fails at once does not attract the traffic of its twin', () => {
  const failures: readonly (readonly [name: string, steps: Steps])[] = [
    ['500', [answer('{}', json, '500 Oops')]],
    ['502', [answer('<html>', 'text/html', '502 Bad Gateway')]],
    ['503', [answer('{}', json, '503 Busy')]],
    ['504', [answer('{}', json, '504 Slow')]],
    ['429', [answer('{}', json, '429 Busy')]],
    ['401', [answer('{}', json, '401 Who')]],
    ['403', [answer('{}', json, '403 No')]],
    ['404', [answer('{}', json, '404 Not Found')]],
    ['a redirect', ['HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n']],
    ['a reset', [reset]],
    ['what is no HTTP', ['220 smtp.example\r\n']],
    ['a stream that is cut', [sseHead, chunk('data: {"a":1}\n\n'), reset]],
    ['a stream that tells an error', [sseHead, chunk('data: {"error":{"message":"no"}}\n\n'), lastChunk]],
  ];
  for (const [name, steps] of failures) {
    test(`with ${name}`, async () => {
      fixture.engine.setScript(steps);
      twin().setScript([good]);
      for (const key of keys) for (let i = 0; i < 10; i++) await ask(key);
      assert.equal(fixture.engine.requests.length, 1, 'of thirty requests of three keys');
      assert.equal(rankOf('first')?.state, 'last');
      assert.equal(rankOf('twin'), undefined);
    });
  }
});

test('after failures of one key the engines rank last for its requests alone', async () => {
  poisoned(fixture.engine);
  poisoned(twin());
  const [hostile = '', other = ''] = keys;
  for (let i = 0; i < 12; i++) assert.equal(await ask(hostile, poison), 502);
  assert.ok(fixture.engine.requests.length > 0 && twin().requests.length > 0, 'it met both');
  const before = fixture.engine.requests.length;
  for (let i = 0; i < 6; i++) assert.equal(await ask(other), 200);
  assert.equal(fixture.engine.requests.length, before + 6, 'the first listed one is still the first choice');
  assert.equal(rankOf('first')?.state, 'last-for-keys');
  assert.equal(rankOf('first')?.keyCount, 1);
});

for (const [name, step] of [
  ['a reset', reset],
  ['500', answer('{}', json, '500 Oops')],
  ['403', answer('{}', json, '403 No')],
] as const)
  test(`a key that mixes good prompts with such as end in ${name} moves no engine that answers another key`, async () => {
    const script: Script = (_socket, request) => (request.body.includes('poison') ? [step] : [good]);
    fixture.engine.setScript(script);
    twin().setScript(script);
    const [hostile = '', other = ''] = keys;
    for (let i = 0; i < 8; i++) {
      assert.equal(await ask(other), 200);
      await ask(hostile, poison);
      assert.equal(await ask(hostile), 200);
      assert.notEqual(rankOf('first')?.state, 'last');
    }
  });

for (const header of ['openai-organization', 'openai-project'])
  for (const status of ['401 Who', '403 No'])
    test(`a client's own ${header} that an engine answers with ${status} ranks it last for that client alone`, async () => {
      const refusing: Script = (_socket, request) =>
        request.field(header) === undefined ? [good] : [answer('{}', json, status)];
      fixture.engine.setScript(refusing);
      twin().setScript(refusing);
      const [hostile = '', other = ''] = keys;
      for (let i = 0; i < 6; i++) {
        const bytes = post('/v1/chat/completions', hostile, '{"model":"m"}', `${header}: none\r\n`);
        const wire = await fixture.send(bytes);
        assert.equal((await wire.response()).status, Number(status.slice(0, 3)));
        wire.close();
      }
      assert.equal(rankOf('first')?.state, 'last-for-keys');
      const before = fixture.engine.requests.length;
      for (let i = 0; i < 6; i++) assert.equal(await ask(other), 200);
      assert.equal(
        fixture.engine.requests.length,
        before + 6,
        'the first listed one is still the first choice',
      );
    });

test('a prompt that broke an engine is not sent to its twin, however the engine ranks', async () => {
  poisoned(fixture.engine);
  twin().setScript([good]);
  assert.equal(await ask(keys[0] ?? '', poison), 502);
  assert.equal(twin().requests.length, 0);
});

test("an engine that refuses flm's own key ranks last for every key at once, and its status says why", async () => {
  fixture.engine.setScript([answer('{}', json, '401 Who')]);
  twin().setScript([good]);
  const seen: number[] = [];
  for (const key of keys) seen.push(await ask(key));
  assert.deepEqual(seen, [401, 200, 200]);
  assert.match(rankOf('first')?.reason ?? '', /refuses the key that flm has for it \(status 401\)/);
});

test('a status of 4xx that a request earned says nothing about the engine', async () => {
  for (const status of ['400 Bad Request', '413 Too Large', '422 Unprocessable']) {
    fixture.engine.setScript([answer('{}', json, status)]);
    for (const key of keys) await ask(key);
  }
  assert.equal(twin().requests.length, 0);
  assert.equal(rankOf('first'), undefined);
});

test('an engine that recovers gets its share again', async () => {
  fixture.engine.setScript([answer('{}', json, '500 Oops')]);
  twin().setScript([good]);
  for (const key of keys) await ask(key);
  fixture.engine.setScript([good]);
  await fixture.clock.move(20_000);
  for (const key of keys) for (let i = 0; i < 2; i++) assert.equal(await ask(key), 200);
  assert.equal(fixture.engine.requests.length, 2 + 6);
  assert.equal(rankOf('first'), undefined);
});
