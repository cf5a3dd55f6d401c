import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JsonScanner } from './body/json-scanner.ts';
import { scanPlan } from './body/scan-plan.ts';
import { conversationOf } from './conversation.ts';

type Read = ReturnType<typeof conversationOf>;

const plan = scanPlan(['messages[]', 'prompt_cache_key']);
const user = (content: string) => ({ role: 'user', content });
const assistant = (content: string) => ({ role: 'assistant', content });
const system = { role: 'system', content: 'Be brief.' };

function read(body: object, session?: string, pieceBytes = Number.POSITIVE_INFINITY): Read {
  const bytes = Buffer.from(JSON.stringify({ model: 'm', ...body, stream: true }));
  const scanner = new JsonScanner(plan);
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const part = Buffer.from(bytes.subarray(at, at + pieceBytes));
    assert.equal(scanner.write(part, 0, part.length), undefined);
    parts.push(part);
  }
  assert.equal(scanner.end(), undefined);
  return conversationOf({ session }, { facts: scanner.facts(), parts });
}

const messages = (...list: readonly object[]): Read => read({ messages: list });

test('a conversation is recognized by its first two messages, however long it gets', () => {
  const begun = messages(system, user('What is flm?'));
  assert(begun !== undefined);
  assert.deepEqual(messages(system, user('What is flm?'), assistant('A proxy.'), user('Why?')), begun);
  assert.notEqual(messages(system, user('What is nginx?'))?.id, begun.id);
  assert.notEqual(messages({ ...system, content: 'Be long.' }, user('What is flm?'))?.id, begun.id);
});

test('a conversation that began with one message is recognized when it has three', () => {
  const begun = messages(user('What is flm?'));
  const next = messages(user('What is flm?'), assistant('A proxy.'), user('Why?'));
  assert.equal(begun?.firstId, undefined);
  assert.equal(next?.firstId, begun?.id);
  assert.notEqual(next?.id, begun?.id);
});

test('a long message is compared by how it begins, because clients mark its end differently each time', () => {
  const long = 'word '.repeat(2_000);
  assert.equal(
    messages(user(long))?.id,
    messages({ ...user(long), cache_control: { type: 'ephemeral' } })?.id,
  );
  assert.notEqual(messages(user(`1 ${long}`))?.id, messages(user(`2 ${long}`))?.id);
});

test('the pieces in which a body arrives make no difference', () => {
  const body = { messages: [system, user('x'.repeat(700)), assistant('y')] };
  const whole = read(body);
  for (const pieceBytes of [1, 2, 3, 7, 64, 255, 256, 257])
    assert.deepEqual(read(body, undefined, pieceBytes), whole);
});

test('a session that the client names counts more than its messages', () => {
  const first = read({ messages: [user('a')] }, 'session-1');
  assert.deepEqual(read({ messages: [user('b')] }, 'session-1'), first);
  assert.notDeepEqual(read({ messages: [user('a')] }, 'session-2'), first);
  const keyed = read({ messages: [user('a')], prompt_cache_key: 'k1' });
  assert.deepEqual(read({ messages: [user('b')], prompt_cache_key: 'k1' }), keyed);
  assert.notDeepEqual(read({ messages: [user('a')], prompt_cache_key: 'k2' }), keyed);
});

test('a body without messages belongs to no conversation', () => {
  for (const body of [
    {},
    { messages: [] },
    { messages: null },
    { messages: 'text' },
    { messages: { a: [1, 2] } },
  ])
    assert.equal(read(body), undefined);
  // These name no cache.
  for (const prompt_cache_key of ['', null, 3, ['k'], 'k'.repeat(600)])
    assert.equal(read({ prompt_cache_key }), undefined);
});
