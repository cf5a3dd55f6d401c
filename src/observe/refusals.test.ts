import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RequestLine } from '../core/proxy/proxy-handle.ts';
import { Refusals } from './refusals.ts';

const line = (id: string, code: RequestLine['code'], keyId: string | null = 'key_1'): RequestLine =>
  // What a refusal is made of.
  ({ id, code, keyId, atMs: 7, rule: 'the catalogue', status: 404 }) as RequestLine;

test('a refused request is found by its id, with the rule that decided', () => {
  const refusals = new Refusals();
  refusals.note(line('req_1', 'MODEL_UNKNOWN'));
  const found = refusals.find('req_1');
  assert.equal(found?.code, 'MODEL_UNKNOWN');
  assert.equal(found?.rule, 'the catalogue');
  assert.equal(found?.line.status, 404);
});

test('a request that went well is not kept', () => {
  const refusals = new Refusals();
  refusals.note(line('req_1', null));
  assert.equal(refusals.find('req_1'), undefined);
});

test('the last two thousand are kept, the oldest is forgotten first', () => {
  const refusals = new Refusals();
  for (let i = 0; i < 5_000; i++) refusals.note(line(`req_${i}`, 'RATE_LIMITED'));
  assert.equal(refusals.find('req_2999'), undefined);
  assert.equal(refusals.find('req_3000')?.id, 'req_3000');
  assert.equal(refusals.find('req_4999')?.id, 'req_4999');
});

test('what strangers ask does not make the refusals of keys be forgotten', () => {
  const refusals = new Refusals();
  refusals.note(line('req_mine', 'MODEL_DENIED'));
  for (let i = 0; i < 5_000; i++) refusals.note(line(`req_${i}`, 'AUTH_MISSING', null));
  assert.equal(refusals.find('req_mine')?.code, 'MODEL_DENIED');
  assert.equal(refusals.find('req_2999'), undefined);
  assert.equal(refusals.find('req_4999')?.code, 'AUTH_MISSING');
});
