/** Renewal information (RFC 9773) against a Pebble that has it. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parseProxyConfig } from '../../src/core/proxy/proxy-config.ts';
import { acmeCertificateName } from '../../src/tls/acme/acme-names.ts';
import { AcmeSource, type AcmeSourceDeps } from '../../src/tls/acme/acme-source.ts';
import { DnsHook } from '../../src/tls/acme/dns-hook.ts';
import { CertificateStore } from '../../src/tls/certificate-store.ts';
import { renewalIdOf } from '../../src/tls/issue.ts';
import { makeCli } from '../helpers/cli.ts';
import { noNewPebble, type Pebble, startPebble } from '../helpers/pebble.ts';
import { ShiftedClock } from '../helpers/shifted-clock.ts';

const domains = ['llm.example.org'];
const never = new AbortController().signal;
const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

interface Fixture {
  readonly pebble: Pebble;
  readonly clock: ShiftedClock;
  readonly told: string[];
  readonly deps: AcmeSourceDeps;
  /** Questions for renewal information. */
  questions(): number;
  open(): Promise<AcmeSource>;
  /** Sets the window of the certificate in use; the times count from now. */
  suggest(source: AcmeSource, fromMs: number, toMs: number, explanationURL?: string): Promise<void>;
}

async function fixtureOf(t: TestContext): Promise<Fixture> {
  const pebble = await startPebble(t);
  const folder = mkdtempSync(join(tmpdir(), 'flm-acme-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const clock = new ShiftedClock();
  const told: string[] = [];
  const { acme } = parseProxyConfig({
    mode: 'https-acme',
    domains,
    acme: { directory: pebble.directory, caFile: pebble.caFile, acceptTerms: true, dnsHook: pebble.dnsHook },
  });
  const deps: AcmeSourceDeps = {
    store: new CertificateStore(join(folder, 'tls'), clock),
    ...{ clock, domains, acme, random: () => 0.5, agentName: 'flm/test' },
    provers: [new DnsHook({ command: pebble.dnsHook, clock, env: process.env, print: () => {} })],
    challenge: () => undefined,
    readSecret: () => undefined,
    tell: (event, detail) => told.push(`${event}: ${detail}`),
  };
  return {
    ...{ pebble, clock, told, deps },
    questions: () => pebble.log().split('GET /draft-ietf-acme-ari-03/renewalInfo/').length - 1,
    async open() {
      const source = await AcmeSource.open(deps);
      t.after(() => source.close());
      return source;
    },
    async suggest(source, fromMs, toMs, explanationURL) {
      const time = (ms: number): string => new Date(clock.nowMs() + ms).toISOString();
      await pebble.setRenewalInfo(source.current()?.chain ?? '', {
        suggestedWindow: { start: time(fromMs), end: time(toMs) },
        ...(explanationURL === undefined ? {} : { explanationURL }),
      });
    },
  };
}

const orders = (pebble: Pebble): number => pebble.log().split('POST /order-plz').length - 1;

/** Asks the CA if that is due, and renews if that is due. */
async function look(source: AcmeSource): Promise<void> {
  await source.look();
  await source.advised();
  await source.look();
  await source.renewed();
}

test('the time of the renewal is one in the window of the CA, and another start does not ask again', {
  skip: noNewPebble,
}, async (t) => {
  const { clock, open, questions, told } = await fixtureOf(t);
  const source = await open();
  await source.ready(never);
  await look(source);
  assert.equal(questions(), 1);
  const facts = source.facts();
  assert.equal(facts.renewsBecause, 'ca-window');
  // Pebble: two days around two thirds of the lifetime.
  const lifetimeMs = facts.expiresAtMs - clock.nowMs();
  assert.ok(Math.abs((facts.renewsAtMs ?? 0) - (facts.expiresAtMs - lifetimeMs / 3)) < hourMs);
  assert.match(told.at(-1) ?? '', /^advised: between .* and .*, planned /);

  await source.close();
  const second = await open();
  await second.ready(never);
  await look(second);
  assert.equal(second.facts().renewsAtMs, facts.renewsAtMs);
  assert.equal(questions(), 1);
});

test('a window in the past renews at once, with the reason of the CA, and the order names what it replaces', {
  skip: noNewPebble,
}, async (t) => {
  const { clock, deps, open, pebble, questions, suggest, told } = await fixtureOf(t);
  const source = await open();
  await source.ready(never);
  await look(source);
  const before = source.facts().fingerprint;
  const first = source.current();
  assert.ok(first !== undefined);
  await suggest(source, -2 * hourMs, -hourMs, 'https://ca.example/incident/7');
  // Pebble asks for six hours between questions.
  clock.shiftMs = 5 * hourMs;
  await look(source);
  assert.equal(questions(), 1);
  assert.equal(source.facts().fingerprint, before);

  clock.shiftMs = 7 * hourMs;
  await look(source);
  assert.notEqual(source.facts().fingerprint, before);
  assert.match(told.join('\n'), /advised: .*the reason: https:\/\/ca\.example\/incident\/7\nrenewed: /);
  assert.doesNotMatch(told.join('\n'), /failed|unadvised/);
  assert.equal(orders(pebble), 2);

  // The CA knows that the first certificate is replaced, and refuses to replace it twice. The order is then made without.
  await source.close();
  await deps.store.write(acmeCertificateName(pebble.directory, domains), first);
  const again = await open();
  await again.ready(never);
  assert.equal(again.facts().fingerprint, before);
  await look(again);
  assert.notEqual(again.facts().fingerprint, before);
  assert.match(pebble.log(), /ARI: order "[^"]+" is a replacement of/);
  assert.equal(orders(pebble), 4);
});

test('a CA that gives every certificate a window in the past gets three orders in a day, no more', {
  skip: noNewPebble,
}, async (t) => {
  const { clock, open, suggest, told } = await fixtureOf(t);
  const source = await open();
  await source.ready(never);
  await look(source);
  const renewals = (): number => told.filter((line) => line.startsWith('renewed')).length;
  const sixWindows = async (): Promise<void> => {
    for (let n = 0; n < 6; n += 1) {
      await suggest(source, -2 * hourMs, -hourMs);
      await look(source);
      clock.shiftMs += minuteMs;
    }
  };
  // Pebble's time for the second question about the first certificate.
  clock.shiftMs = 7 * hourMs;
  const beginMs = clock.nowMs();
  await sixWindows();
  assert.equal(renewals(), 3, told.join('\n'));
  const { renewsAtMs = 0 } = source.facts();
  assert.ok(Math.abs(renewsAtMs - beginMs - dayMs) < hourMs, new Date(renewsAtMs).toISOString());

  clock.shiftMs += 12 * hourMs;
  await sixWindows();
  assert.equal(renewals(), 3, told.join('\n'));
});

test('an answer that is wrong or missing leaves the age to decide, and is reported once', {
  skip: noNewPebble,
}, async (t) => {
  const { clock, open, pebble, questions, suggest, told } = await fixtureOf(t);
  const source = await open();
  await source.ready(never);
  await pebble.setRenewalInfo(source.current()?.chain ?? '', { suggestedWindow: 'soon' });
  await source.advised();
  await look(source);
  if (questions() === 1 && source.facts().renewsBecause === 'ca-window') {
    // The first question came before the answer was broken.
    clock.shiftMs = 7 * hourMs;
    await look(source);
  }
  assert.equal(told.filter((line) => line.startsWith('unadvised')).length, 1, told.join('\n'));
  // An end before the begin.
  await suggest(source, 2 * dayMs, dayMs);
  for (let n = 0; n < 4; n += 1) {
    clock.shiftMs += hourMs;
    await look(source);
  }
  assert.equal(told.filter((line) => line.startsWith('unadvised')).length, 1, told.join('\n'));
  assert.ok((source.facts().renewsAtMs ?? 0) > clock.nowMs());

  await pebble.stop();
  clock.shiftMs = (source.facts().renewsAtMs ?? 0) - Date.now() + hourMs;
  await look(source);
  // The renewal by age was tried.
  assert.match(told.at(-1) ?? '', /^failed: /);
});

test('a status says when the renewal is, and why', { skip: noNewPebble }, async (t) => {
  const pebble = await startPebble(t);
  const cli = makeCli(t, { PATH: process.env.PATH });
  const started = await cli.run(
    ...['proxy', 'start', '--mode', 'https-acme', '--bind', '127.0.0.1', '--port', '0', '--demo'],
    ...['--domain', domains[0] ?? '', '--acme-directory', pebble.directory, '--acme-ca', pebble.caFile],
    ...['--acme-accept-terms', '--acme-dns-hook', pebble.dnsHook],
  );
  assert.equal(started.code, 0, started.stderr);
  const log = (): string => readFileSync(join(cli.home, 'logs', 'default.log'), 'utf8');
  const untilMs = performance.now() + 60_000;
  while (!log().includes('the CA suggests when to renew')) assert.ok(performance.now() < untilMs, log());
  const { proxies } = (await cli.run('proxy', 'status', '--json')).json<{
    proxies: { certificate: { renewsBecause: string } }[];
  }>();
  assert.equal(proxies[0]?.certificate.renewsBecause, 'ca-window');
  assert.match(
    (await cli.run('proxy', 'status', 'default')).stdout,
    /renewed from .*, the time that the CA suggests/,
  );
});

test('the id of a certificate is made from the key of its CA and its serial number', {
  skip: noNewPebble,
}, async (t) => {
  const { open } = await fixtureOf(t);
  const source = await open();
  await source.ready(never);
  const certificate = new X509Certificate(source.current()?.chain ?? '');
  const [keyId = '', serial = ''] = renewalIdOf(certificate)?.split('.') ?? [];
  assert.equal(Buffer.from(keyId, 'base64url').length, 20);
  const bytes = Buffer.from(serial, 'base64url');
  assert.equal(BigInt(`0x${bytes.toString('hex')}`), BigInt(`0x${certificate.serialNumber}`));
  assert.ok((bytes[0] ?? 0) < 0x80);
});
