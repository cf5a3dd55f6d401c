import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HostAllowlist, ownNames, parseHost } from './host-allowlist.ts';

test('a Host value is a name or a literal, with a port or without', () => {
  const good: Readonly<Record<string, string>> = {
    localhost: 'localhost',
    'LOCALHOST:8484': 'localhost',
    'localhost.': 'localhost',
    'a.b-c.example:1': 'a.b-c.example',
    my_box: 'my_box',
    '127.0.0.1:8484': '127.0.0.1',
    '[::1]': '::1',
    '[2001:DB8::1]:443': '2001:db8::1',
  };
  for (const [value, host] of Object.entries(good)) assert.equal(parseHost(value), host, value);
});

test('what could be read in two ways is no host', () => {
  const none = [
    '',
    ' ',
    ':80',
    '.',
    '..',
    'a..b',
    '.a',
    '-a',
    'a-',
    'a b',
    'a/b',
    'a?b',
    'a#b',
    'a@b',
    'a,b',
    'a\\b',
  ];
  const ports = ['a:', 'a:x', 'a:-1', 'a:65536', 'a:123456', 'a:80:80'];
  const literals = [
    '[',
    '[]',
    '[::1',
    '::1',
    '[::1]x',
    '[::g]',
    '[::1%eth0]',
    '[127.0.0.1]',
    'a%00',
    'é',
    'a\0',
  ];
  for (const value of [...none, ...ports, ...literals, 'a'.repeat(301)])
    assert.equal(parseHost(value), undefined, JSON.stringify(value));
});

test('a wildcard answers for one label, as in a certificate', () => {
  const hosts = new HostAllowlist(['*.example.org']);
  assert.ok(hosts.answersFor('a.example.org'));
  for (const other of ['example.org', 'a.b.example.org', 'example', 'a.example.net', '.example.org.'])
    assert.ok(!hosts.answersFor(other), other);
});

test('a proxy answers for loopback names, literals, and the names that it was given', () => {
  const hosts = new HostAllowlist(ownNames('Box.lan', ['llm.example.org']));
  const own = ['localhost', 'app.localhost', '127.0.0.1', '203.0.113.9', '::1', 'fe80::1'];
  for (const host of [...own, 'box.lan', 'box', 'box.local', 'host.docker.internal', 'llm.example.org'])
    assert.equal(hosts.answersFor(host), true, host);
  const foreign = [
    'attacker.example',
    'localhost.attacker.example',
    'xlocalhost',
    'box.lan.attacker.example',
  ];
  for (const host of [...foreign, 'sub.llm.example.org', '127.1', '2130706433', '0x7f.0.0.1', ''])
    assert.equal(hosts.answersFor(host), false, host);
});

test('an IPv6 literal whose last part other programs read in another way is no host', () => {
  assert.equal(parseHost('[::ffff:127.0.0.01]'), undefined);
  assert.equal(parseHost('[::ffff:127.0.0.1]:80'), '::ffff:127.0.0.1');
});
