/** How a browser signs in, and what ends a session. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Sessions } from './sessions.ts';

function started() {
  let nowMs = 1_000_000;
  const sessions = new Sessions({ nowMs: () => nowMs });
  const signIn = () => {
    const redeemed = sessions.redeem(sessions.issueTicket(), 'browser');
    assert(redeemed !== undefined);
    const token = sessions.open(redeemed.cookie, redeemed.code);
    assert(token !== undefined);
    return { ...redeemed, token };
  };
  return { sessions, signIn, pass: (ms: number) => (nowMs += ms) };
}

test('a ticket opens one session, once, within two minutes', () => {
  const { sessions, pass } = started();
  const ticket = sessions.issueTicket();
  assert(sessions.redeem(ticket, '') !== undefined);
  assert.equal(sessions.redeem(ticket, ''), undefined);
  assert.equal(sessions.redeem('guess', ''), undefined);
  const late = sessions.issueTicket();
  pass(120_001);
  assert.equal(sessions.redeem(late, ''), undefined);
});

test('neither the cookie alone nor the token alone is a session', () => {
  const { sessions, signIn } = started();
  const [a, b] = [signIn(), signIn()];
  assert(sessions.find(a.cookie, a.token) !== undefined);
  for (const [cookie, token] of [
    [a.cookie, ''],
    ['', a.token],
    [a.cookie, b.token],
    [a.cookie, a.cookie],
  ] as const)
    assert.equal(sessions.find(cookie, token), undefined);
});

test('the code gives the token once, and a wrong code ends the session', () => {
  const { sessions, signIn } = started();
  const { cookie, code, token } = signIn();
  assert.equal(sessions.open(cookie, code), undefined);
  assert(sessions.find(cookie, token) !== undefined);
  const other = sessions.redeem(sessions.issueTicket(), '');
  assert(other !== undefined);
  assert.equal(sessions.open(other.cookie, 'guess'), undefined);
  assert.equal(sessions.open(other.cookie, other.code), undefined);
  assert.equal(sessions.list().length, 1);
});

test('a session ends after an hour without a call, after twelve hours, and when it is ended', () => {
  const { sessions, signIn, pass } = started();
  const { cookie, token } = signIn();
  for (let i = 0; i < 12; i++) {
    pass(3_599_999);
    assert(sessions.find(cookie, token) !== undefined);
  }
  pass(100);
  assert.equal(sessions.find(cookie, token), undefined);
  const idle = signIn();
  pass(3_600_000);
  assert.equal(sessions.find(idle.cookie, idle.token), undefined);
  const ended = signIn();
  const [{ id = '' } = {}] = sessions.list();
  assert.equal(sessions.end(id), true);
  assert.equal(sessions.find(ended.cookie, ended.token), undefined);
  assert.equal(sessions.end(id), false);
});
