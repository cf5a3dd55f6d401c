/**
 * A mistake of flm's own in one request: its client is told, the log gets the stack, and nobody else's answer ends.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertNoLeaks, type Stock, takeStock } from '../helpers/leaks.ts';
import {
  answer,
  chunk,
  close,
  hold,
  lastChunk,
  type RawEngine,
  sseHead,
  startRawEngine,
} from '../helpers/raw-engine.ts';
import { get, openTestGateway, post, type TestGateway } from '../helpers/test-gateway.ts';

let stock: Stock;
let engine: RawEngine;
let proxy: TestGateway;
const mistakes: unknown[] = [];
/** How many of the next reports to the directory throw. */
let brokenReports = 0;
/** The id of an engine on which no attempt can begin. */
let brokenEngine = '';

before(async () => {
  stock = takeStock();
  engine = await startRawEngine([answer('{}')]);
  proxy = await openTestGateway({
    engines: [
      { id: 'e', port: engine.port, models: ['m', 'twice'] },
      { id: 'f', port: engine.port, models: ['twice'] },
    ],
    onError: (error) => mistakes.push(error),
  });
  const { directory } = proxy;
  const begin = directory.begin.bind(directory);
  const report = directory.report.bind(directory);
  const resolve = directory.resolve.bind(directory);
  const broken = (): never => {
    throw new TypeError('undefined is not a function');
  };
  Object.assign(directory, {
    visible: broken,
    begin: (...told: Parameters<typeof begin>) => (told[0].id === brokenEngine ? broken() : begin(...told)),
    report: (...told: Parameters<typeof report>) => {
      if (brokenReports === 0) return report(...told);
      brokenReports -= 1;
      broken();
    },
    resolve: (...asked: Parameters<typeof resolve>) => (asked[0] === 'bug' ? broken() : resolve(...asked)),
  });
});
after(async () => {
  await proxy.close();
  await engine.close();
  await assertNoLeaks(stock);
});

const chat = (model: string, more = ''): string =>
  post('/v1/chat/completions', proxy.key, `{"model":"${model}"${more}}`);

const cases: readonly (readonly [name: string, request: () => string])[] = [
  ['before the body is read', () => get('/v1/models', proxy.key)],
  ['behind the last byte of the body', () => chat('bug')],
];
for (const [name, request] of cases) {
  test(`${name} is a 500, and a stream beside it goes on`, async () => {
    const { promise: told, resolve: tell } = Promise.withResolvers<void>();
    engine.setScript([sseHead, chunk('data: 1\n\n'), hold(told), chunk('data: [DONE]\n\n'), lastChunk]);
    const beside = await proxy.dial();
    const stream = beside.send(chat('m', ',"stream":true')).response();
    await engine.arrived(1);

    mistakes.length = 0;
    const wire = await proxy.dial();
    const response = await wire.send(request()).response();
    assert.equal(response.status, 500);
    assert.equal(JSON.parse(response.body.toString()).error.code, 'internal');
    assert.ok(!response.body.includes('undefined is not'), 'what went wrong is for the log');
    assert.ok(mistakes[0] instanceof TypeError);
    assert.equal(mistakes.length, 1);

    tell();
    assert.match((await stream).body.toString(), /data: 1\n\ndata: \[DONE\]/);
    beside.close();
    wire.close();
  });
}

for (const [name, steps, seen] of [
  ['before the response began is a 500', [close], /^HTTP\/1\.1 500 /],
  [
    'at the end of a stream cuts the stream',
    [sseHead, chunk('data: [DONE]\n\n'), lastChunk],
    /\[DONE\]\n\n\r\n$/,
  ],
] as const) {
  test(`while a response is relayed, a mistake ${name}`, async () => {
    engine.setScript(steps);
    mistakes.length = 0;
    brokenReports = 1;
    const wire = await proxy.dial();
    const recorded = proxy.nextLine();
    wire.send(chat('m', ',"stream":true'));
    assert.match((await wire.rest()).toString(), seen);
    wire.close();
    assert.equal((await recorded).code, 'INTERNAL');
    assert.equal(mistakes.length, 1);
  });
}

test('a mistake in the attempt on the next engine ends only that request', async () => {
  engine.setScript([answer('busy', 'text/plain', '503 Busy')]);
  mistakes.length = 0;
  brokenEngine = 'f';
  const wire = await proxy.dial();
  const recorded = proxy.nextLine();
  wire.send(chat('twice'));
  assert.equal((await wire.rest()).toString(), '');
  wire.close();
  assert.equal((await recorded).ending, 'client-left');
  assert.equal(mistakes.length, 1);

  brokenEngine = '';
  engine.setScript([answer('{}')]);
  const next = await proxy.dial();
  assert.equal((await next.send(chat('twice')).response()).status, 200);
  next.close();
});
