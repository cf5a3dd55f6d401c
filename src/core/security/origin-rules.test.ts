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
    'app://obsidian.md',
    'tauri://localhost',
    'capacitor://localhost:3000',
    'vscode-file://vscode-app',
    'chrome-extension://abcdefghijklmnopabcdefghijklmnop',
    'moz-extension://0f2b5c7e-1111-2222-3333-444455556666',
    'app://[::1]:8080',
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
    'file://host',
    'app://',
    'app:///',
    'app://obsidian.md/',
    'app://obsidian.md/x',
    'app://obsidian.md?x',
    'app://user@obsidian.md',
    'app://obsidian.md:0',
    'app://obsidian.md:99999',
    'app://*',
    'app://*.obsidian.md',
    'APP://obsidian.md',
    'app://a, app://b',
    'app:obsidian.md',
    'blob://x',
    'data:text/html',
    'about:blank',
    '',
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

test('an origin of an app is compared whole', () => {
  const rules = new OriginRules(['app://obsidian.md', 'tauri://localhost:1420']);
  assert.ok(rules.allows('app://obsidian.md'));
  assert.ok(rules.allows('tauri://localhost:1420'));
  for (const other of [
    'app://obsidian.md.evil.example',
    'app://evil.obsidian.md',
    'app://obsidian.md:80',
    'APP://obsidian.md',
    'https://obsidian.md',
    'tauri://localhost',
    'app://',
    'null',
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
