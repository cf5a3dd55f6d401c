import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { weakness } from './secret-strength.ts';

test('secrets made at random are good enough, whatever alphabet they are in', () => {
  for (let i = 0; i < 200; i++) {
    assert.equal(weakness(randomBytes(16).toString('hex')), undefined);
    assert.equal(weakness(`sk-${randomBytes(18).toString('base64url')}`), undefined);
    assert.equal(weakness(randomBytes(32).toString('base64')), undefined);
  }
});

test('what is short, made of a pattern or cannot be a bearer token is refused', () => {
  for (const secret of [
    'sk-1234',
    '',
    'password-password-password',
    'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
    'abcdefghijklmnopqrstuvwxyz0123456789',
    '0123456789012345678901234567890123456789',
    `${randomBytes(18).toString('base64url')} x`,
    `${randomBytes(18).toString('base64url')},x`,
    'ü'.repeat(40),
    randomBytes(400).toString('hex'),
  ])
    assert.notEqual(weakness(secret), undefined, secret);
});
