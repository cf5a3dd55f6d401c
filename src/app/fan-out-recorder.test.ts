/** What of a finished request goes into the ledger: the numbers that the budget of the minute was charged, too. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { RequestLine } from '../core/proxy/proxy-handle.ts';
import type { UsageEntry } from '../core/security/ports.ts';
import { type ChargedTo, chatUsage, FanOutRecorder, type FanOutRecorderDeps } from './fan-out-recorder.ts';

const line: RequestLine = {
  id: 'req_1',
  atMs: 5,
  client: '192.0.2.7',
  method: 'POST',
  path: '/v1/chat/completions',
  status: 200,
  keyId: 'key_a',
  keyLabel: 'a',
  engine: 'ollama',
  model: 'm',
  bytesIn: 1,
  bytesOut: 1,
  firstByteMs: 1,
  queuedMs: null,
  durationMs: 1,
  inputTokens: null,
  outputTokens: null,
  cachedTokens: null,
  promptTokens: null,
  chargedInputTokens: 0,
  chargedOutputTokens: 0,
  tokensEstimated: false,
  streamed: false,
  ending: 'done',
  code: null,
  rule: null,
  droppedCredentials: null,
};

/** What the ledger is told of a request: tokens and model, or that the key was used. */
const keyA: ChargedTo = { keyId: 'key_a', familyId: 'key_a' };
const client = { text: '192.0.2.7' } as Parameters<FanOutRecorder['request']>[1];

/** `told`: what the receivers were told, in this order; without `more`, only the ledger. */
function fixture(account: ChargedTo, more: Partial<FanOutRecorderDeps> = {}) {
  const told: string[] = [];
  const nothing = () => {};
  const deps = {
    logger: { access: nothing },
    metrics: { request: nothing },
    tail: { publish: nothing },
    refusals: { note: nothing },
    recent: { note: nothing },
    quota: { ofAddress: () => true, ofKey: () => true },
    ledger: {
      add: (e: UsageEntry) =>
        told.push(
          e.answered
            ? `${e.estimated ? '~' : ''}${e.inputTokens} ${e.outputTokens} ${e.model}`
            : `not answered: ${e.ending} '${e.model}' '${e.engine}'`,
        ),
      record: nothing,
    },
    clock: { nowMs: () => 0 },
    onError: assert.ifError,
    chargedTo: () => account,
    actor: 'proxy:p',
    ...more,
  };
  // The parts that a request does not reach are left out.
  return { told, book: new FanOutRecorder(deps as unknown as FanOutRecorderDeps) };
}

function booked(parts: Partial<RequestLine>, account: ChargedTo = keyA): string {
  const { told, book } = fixture(account);
  book.request({ ...line, ...parts }, client, undefined);
  return told.join();
}

test('an answer is counted with what it was charged', () => {
  assert.equal(booked({ chargedInputTokens: 3, chargedOutputTokens: 4 }), '3 4 m');
  assert.equal(booked({ chargedInputTokens: 3, tokensEstimated: true }), '~3 0 m');
  assert.equal(booked({}), '0 0 m');
});

test('what is charged is counted however the request ended', () => {
  assert.equal(booked({ status: 499, ending: 'client-left', chargedInputTokens: 3 }), '3 0 m');
  assert.equal(booked({ model: null, chargedOutputTokens: 4 }), '0 4 unnamed');
});

test('a request that cost nothing and failed is counted by its ending, not as answered', () => {
  assert.equal(booked({ status: 502, ending: 'engine-broke' }), "not answered: engine-broke 'm' 'ollama'");
  assert.equal(
    booked({ engine: null, model: null, status: 429, ending: 'refused' }),
    "not answered: refused '' ''",
  );
  assert.equal(booked({ model: null }), "not answered: done '' 'ollama'");
});

test('a list of models that a command asked for is no usage of flm chat, but a refusal is', () => {
  const list = { path: '/v1/models', engine: null, model: null };
  assert.equal(booked(list, chatUsage), '');
  assert.equal(booked(list), "not answered: done '' ''");
  assert.equal(booked({ ...list, status: 429, ending: 'refused' }, chatUsage), "not answered: refused '' ''");
  assert.equal(booked({ chargedInputTokens: 3 }, chatUsage), '3 0 m');
});

/** Also with the ids of the requests in the log. */
function loggedFixture(onError: FanOutRecorderDeps['onError'] = assert.ifError) {
  const logged: string[] = [];
  const access = ({ id }: RequestLine): void => {
    assert.notEqual(id, 'bad');
    logged.push(id);
  };
  return { logged, ...fixture(keyA, { logger: { access } as FanOutRecorderDeps['logger'], onError }) };
}

test('the usage of a request counts before the request gives back its share of the limits', async () => {
  const { told, logged, book } = loggedFixture();
  book.request(line, client, undefined);
  assert.deepEqual([told, logged], [['0 0 m'], []]);
  await nextTurn();
  assert.deepEqual([told, logged], [['0 0 m'], ['req_1']]);
});

test('the requests of a turn are logged at its end, each once and in their order', async () => {
  const { logged, book } = loggedFixture();
  for (const id of ['a', 'b']) book.request({ ...line, id }, client, undefined);
  assert.deepEqual(logged, []);
  await nextTurn();
  assert.deepEqual(logged.splice(0), ['a', 'b']);
  book.request({ ...line, id: 'c' }, client, undefined);
  await nextTurn();
  assert.deepEqual(logged, ['c']);
});

test('a mistake in a receiver is reported, and the other requests of the turn are recorded', async () => {
  const mistakes: unknown[] = [];
  const { told, logged, book } = loggedFixture((error) => mistakes.push(error));
  for (const id of ['bad', 'good']) book.request({ ...line, id }, client, undefined);
  await nextTurn();
  assert.equal(mistakes.length, 1);
  assert.deepEqual([told, logged], [['0 0 m', '0 0 m'], ['good']]);
});
