import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { certificateFolder, machineNamed } from '../../test/helpers/certificate-folder.ts';
import { MovedClock } from '../../test/helpers/moved-clock.ts';
import type { Clock } from '../core/clock.ts';
import type { CertificatePair } from '../core/proxy/certificate-provider.ts';
import { renewAuthority } from './authority.ts';
import { namesOf } from './certificate-pair.ts';
import type { CertificateStore } from './certificate-store.ts';
import { LocalSource } from './local-source.ts';
import type { MachineNames } from './server-names.ts';

const dayMs = 86_400_000;
const never = new AbortController().signal;

interface Fixture {
  /** Moved by tests; its wall clock can jump besides, as that of a laptop does that slept. */
  readonly moved: MovedClock;
  readonly clock: Clock;
  sleepMs: number;
  readonly store: CertificateStore;
  readonly folder: string;
  readonly told: string[];
  machine: MachineNames;
  open(sans?: readonly string[]): Promise<LocalSource>;
  /** The look that a timer began is over. */
  lookOver(source: LocalSource): Promise<void>;
}

function fixtureOf(t: TestContext): Fixture {
  const moved = new MovedClock();
  const clock: Clock = {
    nowMs: () => moved.nowMs() + fixture.sleepMs,
    monotonicMs: () => moved.monotonicMs(),
    after: (ms, f) => moved.after(ms, f),
    every: (ms, f) => moved.every(ms, f),
  };
  const { folder, store } = certificateFolder(t, clock);
  const told: string[] = [];
  const fixture: Fixture = {
    moved,
    clock,
    sleepMs: 0,
    store,
    folder,
    told,
    machine: machineNamed({ addresses: ['192.168.1.5'] }),
    async open(sans = []) {
      const source = await LocalSource.open(
        {
          store,
          clock,
          machine: () => fixture.machine,
          sans,
          profile: 'default',
          tell: (event, detail) => told.push(`${event}: ${detail}`),
        },
        never,
      );
      t.after(() => source.close());
      return source;
    },
    lookOver: (source) => source.look(),
  };
  return fixture;
}

test('the CA and the certificate are made once and used again', async (t) => {
  const fixture = fixtureOf(t);
  const first = await fixture.open();
  const second = await fixture.open();

  assert.equal(second.current().chain, first.current().chain);
  assert.equal(second.currentForNames().chain, first.currentForNames().chain);
  assert.equal((await fixture.store.names('pem')).join(), 'authority,leaf-default,named-default');
});

test('who calls a name is shown a certificate without addresses, for BoringSSL checks none below such a CA', async (t) => {
  const source = await fixtureOf(t).open(['llm.lan', '10.1.2.3']);
  const names = (pair: CertificatePair) => namesOf(new X509Certificate(pair.chain));

  assert.deepEqual(names(source.currentForNames()), [
    'localhost',
    'host.docker.internal',
    'test-host',
    'test-host.local',
    'llm.lan',
  ]);
  assert.ok(names(source.current()).includes('10.1.2.3') && names(source.current()).includes('llm.lan'));
});

test('two that start at the same moment agree on one certificate', async (t) => {
  const fixture = fixtureOf(t);
  // Processes that wait for the lock wait on this clock.
  const moving = setInterval(() => void fixture.moved.move(50), 1);
  t.after(() => clearInterval(moving));

  const [first, second] = await Promise.all([fixture.open(), fixture.open()]);

  assert.equal(second.current().chain, first.current().chain);
  assert.equal(second.currentForNames().chain, first.currentForNames().chain);
});

test('a certificate that is near its end is replaced while the proxy runs', async (t) => {
  const fixture = fixtureOf(t);
  const source = await fixture.open();
  const before = source.current().chain;
  const namedBefore = source.currentForNames().chain;
  let changes = 0;
  source.onChange(() => changes++);

  fixture.sleepMs = 59 * dayMs;
  await fixture.lookOver(source);
  assert.equal(source.current().chain, before);
  fixture.sleepMs = 61 * dayMs;
  await fixture.moved.move(30_000);
  await fixture.lookOver(source);

  assert.notEqual(source.current().chain, before);
  assert.notEqual(source.currentForNames().chain, namedBefore);
  assert.equal(changes, 1);
  assert.ok(source.facts().expiresAtMs > fixture.clock.nowMs() + 89 * dayMs);
  assert.match(fixture.told.join(), /^renewed: localhost/);
});

test('a laptop on another network gets a certificate for its new address', async (t) => {
  const fixture = fixtureOf(t);
  const source = await fixture.open();

  fixture.machine = machineNamed({ addresses: ['10.9.8.7', '2001:db8::1'] });
  await fixture.moved.move(31_000);
  await fixture.lookOver(source);

  const { names, leftOut } = source.facts();
  assert.ok(names.includes('10.9.8.7') && !names.includes('192.168.1.5'), names.join());
  assert.deepEqual(leftOut, ['2001:db8::1']);
});

test('other names that are asked for at the next start replace the certificate', async (t) => {
  const fixture = fixtureOf(t);
  await fixture.open(['llm.lan']);

  assert.ok((await fixture.open(['other.lan'])).facts().names.includes('other.lan'));
  assert.ok(!(await fixture.open([])).facts().names.includes('other.lan'));
});

for (const damage of ['half a file', 'a key of another'] as const) {
  test(`a certificate file that holds ${damage} is replaced`, async (t) => {
    const fixture = fixtureOf(t);
    const before = (await fixture.open()).current();
    const path = join(fixture.folder, 'leaf-default.pem');
    const authority = await fixture.store.read('authority');
    const otherKey = authority.state === 'sound' ? authority.pair.key : '';
    writeFileSync(path, damage === 'half a file' ? before.key : `${otherKey}${before.chain}`);

    const source = await fixture.open();

    assert.notEqual(source.current().chain, before.chain);
    assert.equal((await fixture.store.read('leaf-default')).state, 'sound');
  });
}

test('a certificate whose signature is not of the CA is replaced', async (t) => {
  const fixture = fixtureOf(t);
  const before = (await fixture.open()).current();
  const der = Buffer.from(new X509Certificate(before.chain).raw);
  // The last byte of an ECDSA signature's second number.
  der[der.length - 1] = (der.at(-1) ?? 0) ^ 1;
  const forged = `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`;
  await fixture.store.write('leaf-default', { key: before.key, chain: forged });

  const source = await fixture.open();

  assert.notEqual(source.current().chain, before.chain);
  assert.notEqual(source.current().chain, forged);
});

test('either certificate that is gone while the proxy runs is made again, and shown', async (t) => {
  const fixture = fixtureOf(t);
  const source = await fixture.open();
  const shown = () => [source.current().chain, source.currentForNames().chain];
  const before = shown();
  let changes = 0;
  source.onChange(() => changes++);

  await fixture.store.remove('named-default', 'pem');
  await fixture.lookOver(source);
  assert.equal(changes, 1);
  assert.deepEqual([shown()[0] === before[0], shown()[1] === before[1]], [true, false]);

  await fixture.store.remove('leaf-default', 'pem');
  await fixture.lookOver(source);
  assert.equal(changes, 2);
  assert.notEqual(shown()[0], before[0]);
});

test('a CA that is damaged is never replaced by itself', async (t) => {
  const fixture = fixtureOf(t);
  await fixture.open();
  writeFileSync(join(fixture.folder, 'authority.pem'), 'rubbish');

  await assert.rejects(fixture.open(), (error: Error & { code: string; hint: string }) => {
    assert.equal(error.code, 'CERT_AUTHORITY_UNUSABLE');
    assert.match(error.hint, /flm cert authority renew/);
    return true;
  });
});

test('a CA whose key others could read is not used', async (t) => {
  const fixture = fixtureOf(t);
  await fixture.open();
  chmodSync(join(fixture.folder, 'authority.pem'), 0o644);

  await assert.rejects(fixture.open(), { code: 'CERT_AUTHORITY_UNUSABLE' });
});

test('a renewed CA permits more, remembers what it permitted, and running proxies follow', async (t) => {
  const fixture = fixtureOf(t);
  const source = await fixture.open();
  await assert.rejects(fixture.open(['llm.example.org']), { code: 'CERT_NAME_NOT_PERMITTED' });
  const { store, clock } = fixture;
  const renew = (permit: readonly string[]) =>
    renewAuthority({ store, clock, hostNames: ['test-host'], signal: never }, permit);

  await renew(['llm.example.org', '203.0.113.9']);
  const { certificate, constraints } = await renew([]);
  await fixture.lookOver(source);

  assert.ok(constraints.names.includes('llm.example.org') && constraints.ranges.includes('203.0.113.9/32'));
  assert.match(fixture.told.join(), /renewed/);
  const again = await fixture.open(['llm.example.org', '203.0.113.9']);
  const stored = await store.read('leaf-default');
  assert.ok(stored.state === 'sound' && stored.pair.certificate.checkIssued(certificate));
  assert.ok(again.facts().names.includes('203.0.113.9'));
});

test('a failed renewal keeps the old certificate, is reported once and retried', async (t) => {
  const fixture = fixtureOf(t);
  const source = await fixture.open();
  const before = source.current().chain;
  chmodSync(join(fixture.folder, 'authority.pem'), 0o644);

  fixture.sleepMs = 61 * dayMs;
  await fixture.lookOver(source);
  await fixture.lookOver(source);
  assert.equal(source.current().chain, before);
  assert.match(source.facts().problem ?? '', /can be read by others/);
  assert.equal(fixture.told.length, 1);

  chmodSync(join(fixture.folder, 'authority.pem'), 0o600);
  await fixture.lookOver(source);
  assert.notEqual(source.current().chain, before);
  assert.equal(source.facts().problem, undefined);
});

test('a closed source leaves no timer', async (t) => {
  const fixture = fixtureOf(t);
  const source = await fixture.open();

  await source.close();

  assert.equal(fixture.moved.timers, 0);
});
