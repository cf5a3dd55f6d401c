import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOriginRule, OriginRules } from './origin-rules.ts';

test('a rule is an origin as browsers write it, with at most its first label left open', () => {
  for (const good of [
    'https://app.example.org',
    'http://localhost:3000',
    'http://[::1]:8080',
    'https://*.example.org',
    'https://*.example.org:8443',
  ])
    assert.ok(isOriginRule(good), good);
  for (const bad of [
    'null',
    '*',
    'https://*',
    'https://*.org',
    'https://*.*.example.org',
    'https://app.*.org',
    'https://app.example.org/',
    'https://APP.example.org',
    'https://app.example.org:443',
    'https://*.example.org/x',
    'file://',
    'app.example.org',
  ])
    assert.ok(!isOriginRule(bad), bad);
});

test('an exact rule allows that origin and no other', () => {
  const rules = new OriginRules(['https://app.example.org']);
  assert.ok(rules.allows('https://app.example.org'));
  for (const other of [
    'http://app.example.org',
    'https://app.example.org:8443',
    'https://app.example.org.evil.com',
    'https://evil-app.example.org',
    'null',
    '',
    'https://app.example.org, https://app.example.org',
  ])
    assert.ok(!rules.allows(other), other);
});

test('a wildcard stands for exactly one label', () => {
  const rules = new OriginRules(['https://*.example.org', 'http://*.lan.example.org:3000']);
  for (const good of ['https://a.example.org', 'https://x-1.example.org', 'http://pc.lan.example.org:3000'])
    assert.ok(rules.allows(good), good);
  for (const bad of [
    'https://example.org',
    'https://a.b.example.org',
    'https://.example.org',
    'https://a@b.example.org',
    'https://evil.com?.example.org',
    'https://evil/.example.org',
    'http://a.example.org',
    'https://a.example.org:8443',
    'https://a.example.org.evil.com',
    'http://pc.lan.example.org',
    'null',
  ])
    assert.ok(!rules.allows(bad), bad);
});

test('an empty list allows nothing', () => {
  assert.ok(new OriginRules([]).empty);
  assert.ok(!new OriginRules([]).allows('https://app.example.org'));
});
