/**
 * Large bodies are kept in memory that serves one body after another. No byte of a body reaches an engine with another
 * body, however requests end, and the memory of a body is not used while an engine is still sent that body.
 */
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { BodyBlocks } from '../../src/gateway/http/body-blocks.ts';
import { GatewayFixture } from '../helpers/gateway-fixture.ts';
import { assertNoLeaks, type Stock, takeStock } from '../helpers/leaks.ts';
import { answer, type RawEngine, reset } from '../helpers/raw-engine.ts';
import { post } from '../helpers/test-gateway.ts';
import { TlsFixture } from '../helpers/tls-fixture.ts';

let stock: Stock;
/** All bytes that followed the first head on a connection of the engine that answers early. */
const seenEarly = new Map<Socket, Buffer[]>();
let fixture: GatewayFixture;
before(async () => {
  stock = takeStock();
  fixture = await GatewayFixture.open({
    engines: [{ models: ['m'] }, { models: ['early'], early: true }, { models: ['resets'] }],
  });
  fixture.engines[1]?.setScript((socket, { body }) => {
    // What follows the first bytes of a body belongs to it, until the connection ends.
    if (!seenEarly.has(socket)) {
      const parts = [body];
      seenEarly.set(socket, parts);
      socket.on('data', (bytes: Buffer) => parts.push(bytes));
    }
    return [answer('{"early":true}')];
  });
  fixture.engines[2]?.setScript([reset]);
});
after(async () => {
  await fixture.settle();
  await fixture.close();
  await assertNoLeaks(stock);
});

/** A body of one repeated letter, which names its request. */
function bodyOf(model: string, request: number): string {
  const letter = String.fromCharCode(0x41 + (request % 26));
  return JSON.stringify({
    model,
    user: `${request}`,
    prompt: letter.repeat(20_000 + ((request * 37_813) % 400_000)),
  });
}

function assertWhole(engine: RawEngine): number {
  for (const { body } of engine.requests) {
    const { model, user } = JSON.parse(body.toString('latin1')) as {
      readonly model: string;
      readonly user: string;
    };
    assert.equal(body.toString('latin1'), bodyOf(model, Number(user)));
  }
  return engine.requests.length;
}

test('large bodies reach the engine as they came, while others are answered early, cut or left', async () => {
  const rounds = 12;
  let request = 0;
  for (let round = 0; round < rounds; round++) {
    fixture.engine.setScript((_, { body }) => [answer(JSON.stringify({ bytes: body.length }))]);
    const work = ['m', 'early', 'm', 'leaves', 'resets', 'm', 'm', 'early'].map(async (how) => {
      const body = bodyOf(how === 'leaves' ? 'm' : how, request++);
      const bytes = fixture.post(body, '/v1/completions');
      if (how === 'leaves') {
        const wire = await fixture.send(bytes.slice(0, bytes.length - 5_000));
        await fixture.until('a part has arrived', () => fixture.proxy.gateway.bufferedBytes > 0);
        return wire.close();
      }
      const wire = await fixture.send(bytes);
      const response = await wire.response();
      if (how === 'm') assert.equal(response.body.toString(), `{"bytes":${body.length}}`);
      else assert.equal(response.status, how === 'early' ? 200 : 502);
    });
    await Promise.all(work);
  }
  assert.equal(assertWhole(fixture.engine), 4 * rounds);
  assert.equal(assertWhole(fixture.engines[2] as RawEngine), rounds);
  assert.ok(seenEarly.size > 0);
  for (const parts of seenEarly.values()) assertBodies(Buffer.concat(parts).toString('latin1'));
});

/** The text is a body, and perhaps heads with their bodies. The last body may be incomplete. */
function assertBodies(text: string): void {
  for (const part of text.split(/POST .*?\r\n\r\n/s)) {
    const request = Number(/"user":"(\d+)"/.exec(part)?.[1] ?? Number.NaN);
    if (part.length > 100) assert.ok(bodyOf('early', request).startsWith(part), `request ${request}`);
  }
}

test('a large body that is refused in its middle leaves nothing to the next body', async (t) => {
  const direct = t.mock.method(BodyBlocks.prototype, 'filled');
  const before = fixture.engine.requests.length;
  fixture.engine.setScript((_, { body }) => [answer(JSON.stringify({ bytes: body.length }))]);
  let reused = 0;
  const work = Array.from({ length: 16 }, async (_, client) => {
    const refused = bodyOf('m', 2_000 + client);
    const at = Math.floor(refused.length * (client % 2 === 0 ? 0.9 : 0.5));
    const bytes = fixture.post(`${refused.slice(0, at)}\n${refused.slice(at + 1)}`, '/v1/completions');
    let wire = await fixture.send(bytes);
    const response = await wire.response();
    assert.equal(response.status, 400);
    const body = bodyOf('m', 3_000 + client);
    const next = fixture.post(body, '/v1/completions');
    if (response.field('connection') === 'close') wire = await fixture.send(next);
    else {
      reused += 1;
      wire.send(next);
    }
    assert.equal((await wire.response()).body.toString(), `{"bytes":${body.length}}`);
  });
  await Promise.all(work);
  assert.ok(reused > 0, 'a connection that was used again');
  assert.ok(direct.mock.callCount() > 0, 'bytes that were read into the memory of a body');
  assert.equal(fixture.engine.requests.length - before, 16);
  assertWhole(fixture.engine);
});

test('large bodies over HTTPS reach the engine as they came', async () => {
  const secure = await TlsFixture.open();
  secure.engine.setScript((_, { body }) => [answer(JSON.stringify({ bytes: body.length }))]);
  const work = [0, 1, 2, 3, 4, 5].map(async (client) => {
    const { wire } = await secure.dial();
    for (let request = client; request < 40; request += 6) {
      const body = bodyOf('m', request);
      const response = await wire.send(post('/v1/completions', secure.proxy.key, body)).response();
      assert.equal(response.body.toString(), `{"bytes":${body.length}}`);
    }
  });
  await Promise.all(work);
  assert.equal(assertWhole(secure.engine), 40);
  await secure.close();
});

test('the memory of a body that a slow engine reads is used by no other body', async () => {
  const slow = fixture.engines[1] as RawEngine;
  const got: Buffer[] = [];
  let goOn = (): void => {};
  const waits = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const before = slow.requests.length;
  // So many bytes that most of them wait in flm.
  const body = bodyOf('early', 5).replace('FFF', 'F'.repeat(8_000_000));
  slow.setScript(async (socket, request) => {
    socket.pause();
    got.push(request.body);
    await waits;
    const all = new Promise<void>((resolve) => {
      socket.on('data', (bytes: Buffer) => {
        got.push(bytes);
        if (Buffer.concat(got).length >= body.length) resolve();
      });
    });
    socket.resume();
    await all;
    return [answer('{"late":true}')];
  });
  const first = await fixture.send(fixture.post(body, '/v1/completions'));
  await slow.arrived(before + 1);
  fixture.engine.setScript((_, request) => [answer(JSON.stringify({ bytes: request.body.length }))]);
  for (let request = 1_000; request < 1_030; request++) {
    const other = bodyOf('m', request);
    const wire = await fixture.send(fixture.post(other, '/v1/completions'));
    assert.equal((await wire.response()).body.toString(), `{"bytes":${other.length}}`);
  }
  goOn();
  assert.equal((await first.response()).body.toString(), '{"late":true}');
  assert.ok(Buffer.concat(got).equals(Buffer.from(body)));
});
