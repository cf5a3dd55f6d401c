/**
 * Heartbeats, where they are configured: between events and nowhere else, in a form that the dialect's clients bear.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { GatewayFixture } from '../helpers/gateway-fixture.ts';
import { assertNoLeaks, type Stock, takeStock } from '../helpers/leaks.ts';
import { chunk, hold, lastChunk, sseHead } from '../helpers/raw-engine.ts';

let stock: Stock;
let fixture: GatewayFixture;
before(async () => {
  stock = takeStock();
  fixture = await GatewayFixture.open({ config: { heartbeatMs: 15_000 } });
});
afterEach(() => fixture.settle());
after(async () => {
  await fixture.close();
  await assertNoLeaks(stock);
});

const first = 'data: {"choices":[{"delta":{"content":"hi"}}]}\n\n';
const half = 'data: {"half":';
const rest = '"whole"}\n\n';
const done = 'data: [DONE]\n\n';

/** The body of a stream that was silent for 50 s behind `first`. */
async function silentBehind(path: string, head: string, before: string, behind: string): Promise<string> {
  const gate = Promise.withResolvers<void>();
  fixture.engine.setScript([head, chunk(before), hold(gate.promise), chunk(behind), lastChunk]);
  const wire = await fixture.send(fixture.post({ model: 'm', stream: true }, path));
  await wire.until((bytes) => bytes.includes('\r\n\r\n') && bytes.includes('first'));
  await fixture.clock.move(50_000);
  gate.resolve();
  const response = await wire.response();
  assert.equal(response.whole, true);
  return response.body.toString();
}

test('an OpenAI stream gets comments without a blank', async () => {
  const body = await silentBehind('/v1/chat/completions', sseHead, `${first}: first\n\n`, done);
  assert.equal(body, `${first}: first\n\n:hb\n\n:hb\n\n:hb\n\n${done}`);
});

test('an Anthropic stream gets its own ping', async () => {
  const start = 'event: message_start\ndata: {"type":"message_start","first":1}\n\n';
  const stop = 'event: message_stop\ndata: {"type":"message_stop"}\n\n';
  const ping = 'event: ping\ndata: {"type":"ping"}\n\n';
  assert.equal(await silentBehind('/v1/messages', sseHead, start, stop), `${start}${ping.repeat(3)}${stop}`);
});

test('a stream of lines gets none: there is no line that says nothing', async () => {
  const head = sseHead.replace('text/event-stream', 'application/x-ndjson');
  const line = '{"first":1,"done":false}\n';
  assert.equal(await silentBehind('/api/chat', head, line, '{"done":true}\n'), `${line}{"done":true}\n`);
});

test('none stands inside of an event that is held', async () => {
  const body = await silentBehind('/v1/chat/completions', sseHead, `data: "first"\n\n${half}`, rest + done);
  assert.equal(body, `data: "first"\n\n:hb\n\n:hb\n\n:hb\n\n${half}${rest}${done}`);
});

test('none stands inside of an event of which a part is out', async () => {
  const large = `data: "first${'x'.repeat(70_000)}`;
  const body = await silentBehind('/v1/chat/completions', sseHead, large, `"\n\n${done}`);
  assert.equal(body, `${large}"\n\n${done}`);
});

test('a whole answer gets none', async () => {
  const gate = Promise.withResolvers<void>();
  fixture.engine.setScript([
    'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n',
    chunk('{"a":'),
    hold(gate.promise),
    chunk('1}'),
    lastChunk,
  ]);
  const wire = await fixture.send(fixture.post({ model: 'm' }));
  await wire.until((bytes) => bytes.includes('{"a":'));
  await fixture.clock.move(50_000);
  gate.resolve();
  assert.equal((await wire.response()).body.toString(), '{"a":1}');
});

test('a stream that is committed after silence gets them from then on', async () => {
  const gate = Promise.withResolvers<void>();
  fixture.engine.setScript([hold(gate.promise), sseHead, chunk(done), lastChunk]);
  const before = fixture.engine.requests.length;
  const wire = await fixture.send(fixture.post({ model: 'm', stream: true }));
  await fixture.engine.arrived(before + 1);
  await fixture.clock.move(61_500);
  gate.resolve();
  assert.equal((await wire.response()).body.toString(), `:hb\n\n:hb\n\n${done}`);
});
