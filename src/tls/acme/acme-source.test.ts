/** What no real ACME server can be brought to do: rubbish, silence, rate limits. The rest is in test/acme/. */
import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { certificateFolder } from '../../../test/helpers/certificate-folder.ts';
import { type FakeCa, json, problem, startFakeCa } from '../../../test/helpers/fake-ca.ts';
import { MovedClock } from '../../../test/helpers/moved-clock.ts';
import { FlmError } from '../../core/errors.ts';
import { parseProxyConfig } from '../../core/proxy/proxy-config.ts';
import type { CertificateStore } from '../certificate-store.ts';
import { issueProof } from '../issue.ts';
import { acmeCertificateName } from './acme-names.ts';
import { AcmeSource } from './acme-source.ts';
import type { Prover } from './prover.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const never = new AbortController().signal;
const domains = ['llm.example.org'];

const prover: Prover = {
  type: 'http-01',
  requirement: () => 'it works',
  show: () => Promise.resolve(() => Promise.resolve()),
};

interface Fixture {
  readonly ca: FakeCa;
  readonly clock: MovedClock;
  readonly store: CertificateStore;
  readonly folder: string;
  readonly told: string[];
  readonly name: string;
  open(): Promise<AcmeSource>;
  /** The sentence and the hint of a start that got no first certificate. */
  refusal(signal?: AbortSignal): Promise<string>;
}

async function fixtureOf(t: TestContext): Promise<Fixture> {
  const clock = new MovedClock();
  const { folder, store } = certificateFolder(t, clock);
  const ca = await startFakeCa(t, folder.replace(/\/tls$/, ''), () => clock.nowMs());
  const { acme } = parseProxyConfig({
    mode: 'https-acme',
    domains,
    acme: { directory: ca.directory, caFile: ca.caFile, acceptTerms: true },
  });
  const told: string[] = [];
  const open = async (): Promise<AcmeSource> => {
    const source = await AcmeSource.open({
      ...{ store, clock, random: () => 0.5, domains, acme, agentName: 'flm/test' },
      provers: [prover],
      challenge: () => undefined,
      readSecret: () => undefined,
      tell: (event, detail) => told.push(`${event}: ${detail}`),
    });
    t.after(() => source.close());
    return source;
  };
  return {
    ...{ ca, clock, store, folder, told, open },
    name: acmeCertificateName(ca.directory, domains),
    async refusal(signal = never) {
      const source = await open();
      try {
        await source.ready(signal);
        return 'nothing was refused';
      } catch (error) {
        assert.ok(error instanceof FlmError, String(error));
        return `${error.code} ${error.message} ${error.hint}`;
      } finally {
        await source.close();
      }
    },
  };
}

test('any response that is not ACME is reported as such, and nothing is left', async (t) => {
  const { ca, refusal, folder } = await fixtureOf(t);
  const rubbish: readonly [RegExp, FakeCa['says'][string]][] = [
    [/is not JSON/, (r) => r.end('<html>Welcome</html>')],
    [/a field is missing in its response/, (r) => json(r, 200, { newNonce: 'x' })],
    [/a field is missing in its response/, (r) => json(r, 200, [])],
    [/status 302/, (r) => r.writeHead(302, { location: 'https://localhost/' }).end()],
    [/too long/, (r) => r.end(Buffer.alloc(1_000_000, 0x20))],
    [/refused its directory: "status 404"/, (r) => r.writeHead(404).end('<h1>Not here</h1>')],
    [/refused its directory: "status 503"/, (r) => r.writeHead(503).end()],
    [/cannot be reached/, (r) => r.destroy()],
    [
      /sent an invalid URL/,
      (r) => json(r, 200, { newNonce: 'http://a/', newAccount: 'http://a/', newOrder: 'http://a/' }),
    ],
  ];
  for (const [sentence, say] of rubbish) {
    ca.says['/directory'] = say;
    const told = await refusal();
    assert.match(told, /^PROXY_ACME_FAILED No certificate from the ACME server: /);
    assert.match(told, sentence);
  }
  assert.deepEqual(
    readdirSync(folder).filter((file) => /\.(pem|order|part)$/.test(file)),
    [],
  );
});

test('a server that never answers is given up after twenty seconds', async (t) => {
  const { ca, refusal, clock } = await fixtureOf(t);
  const silent = Promise.withResolvers<void>();
  ca.says['/directory'] = () => silent.resolve();
  const refused = refusal();
  await silent.promise;
  await clock.move(20_000);
  assert.match(await refused, /did not answer within 20 s/);
  assert.equal(clock.timers, 0);
});

test('a caller that aborts its wait gets an error at once', async (t) => {
  const { ca, open, clock } = await fixtureOf(t);
  const silent = Promise.withResolvers<void>();
  ca.says['/nonce'] = () => silent.resolve();
  const source = await open();
  const ender = new AbortController();
  const ready = source.ready(ender.signal);
  await silent.promise;
  ender.abort(new Error('Ctrl-C'));
  await assert.rejects(ready, { message: 'Ctrl-C' });
  await source.close();
  assert.equal(clock.timers, 0);
});

test('a rate limit is reported with the time of the next order, and no order is sent before', async (t) => {
  const { ca, refusal, clock } = await fixtureOf(t);
  ca.says['/order'] = (r) => {
    r.setHeader('retry-after', '7200');
    problem(r, 429, 'rateLimited', 'too many certificates for example.org');
  };
  const first = await refusal();
  assert.match(first, /refused the order: "too many certificates for example\.org" \(rateLimited\)/);
  assert.match(first, /Try again after 2026-11-24 02:00 UTC/);

  const askedBefore = ca.asked.length;
  await clock.move(2 * hourMs - 60_000);
  assert.match(await refusal(), /asked to wait before the next request/);
  assert.equal(ca.asked.length, askedBefore);

  await clock.move(60_000);
  assert.match(await refusal(), /too many certificates/);
});

test('nothing is proved for a name that was not ordered', async (t) => {
  const { ca, refusal } = await fixtureOf(t);
  const base = ca.directory.replace('/directory', '');
  ca.says['/order'] = (r) => {
    r.setHeader('location', `${base}/order/1`);
    json(r, 201, { status: 'pending', authorizations: [`${base}/authz`], finalize: `${base}/finalize` });
  };
  for (const value of ['other.example.org', 'llm.example.org; reboot', 'LLM.example.net', '']) {
    ca.says['/authz'] = (r) =>
      json(r, 200, {
        status: 'pending',
        identifier: { type: 'dns', value },
        challenges: [{ type: 'http-01', url: `${base}/chall`, token: 'a'.repeat(43), status: 'pending' }],
      });
    assert.match(await refusal(), /a name that was not ordered|a field is missing in its response/);
  }
  assert.ok(!ca.asked.includes('POST /chall'));
});

test('an account error of the CA is reported with a fix, and without control characters', async (t) => {
  const { ca, refusal } = await fixtureOf(t);
  ca.says['/account'] = (r) => problem(r, 400, 'invalidContact', 'no\x1b[31m such\r\n domain');
  assert.match(
    await refusal(),
    /refused the account: "no \[31m such domain" \(invalidContact\).*--acme-email/,
  );
  ca.says['/account'] = (r) => problem(r, 403, 'userActionRequired', 'new terms');
  assert.match(await refusal(), /new terms.*--acme-accept-terms/);
});

test('a server that refuses every nonce is not asked for ever', async (t) => {
  const { ca, refusal } = await fixtureOf(t);
  ca.says['/account'] = (r) => problem(r, 400, 'badNonce', 'no');
  assert.match(await refusal(), /refused the account: "no" \(badNonce\)/);
  assert.ok(ca.asked.length < 250);
});

/** A certificate in the store, as if an ACME server had given it. */
async function stored({ store, clock, name }: Fixture, fromMs: number, untilMs: number): Promise<void> {
  const validity = { fromMs: clock.nowMs() + fromMs, untilMs: clock.nowMs() + untilMs };
  await store.write(name, await issueProof('llm.example.org', Buffer.alloc(32), validity));
}

test('a valid certificate in the store is used without asking anybody; one that is not good now is none', async (t) => {
  const fixture = await fixtureOf(t);
  fixture.ca.says['/directory'] = (r) => r.writeHead(503).end();
  await stored(fixture, -dayMs, 89 * dayMs);
  const source = await fixture.open();
  await source.ready(never);
  assert.equal(fixture.ca.asked.length, 0);
  assert.deepEqual(source.facts().names, domains);

  for (const [from, until] of [
    [-90 * dayMs, -1],
    [dayMs, 90 * dayMs],
  ] as const) {
    await stored(fixture, from, until);
    assert.match(await fixture.refusal(), /503/);
  }
  writeFileSync(`${fixture.folder}/${fixture.name}.pem`, 'half a pai', { mode: 0o600 });
  assert.match(await fixture.refusal(), /503/);
});

test('where the disk does not even take the time of the next try, that is kept to all the same', async (t) => {
  const fixture = await fixtureOf(t);
  const { clock, told } = fixture;
  await stored(fixture, -89 * dayMs, dayMs);
  const full = () => Promise.reject(new Error('the disk is full'));
  Object.defineProperty(fixture.store, 'keepNote', { value: full });
  const source = await fixture.open();
  const tries = async (): Promise<number> => {
    await source.look();
    await source.renewed();
    return told.length;
  };

  assert.equal(await tries(), 1);
  assert.equal(await tries(), 1);
  clock.jump(59_000);
  assert.equal(await tries(), 1);
  clock.jump(1_000);
  assert.equal(await tries(), 2);
});

test('a failed renewal keeps the old certificate, is reported once and retried by the schedule', async (t) => {
  const fixture = await fixtureOf(t);
  const { clock, ca, told } = fixture;
  ca.says['/directory'] = (r) => r.writeHead(503).end();
  await stored(fixture, -59 * dayMs, 31 * dayMs);
  const source = await fixture.open();
  await source.ready(never);
  const before = source.current();
  clock.jump(2 * dayMs - hourMs);
  await source.look();
  await source.renewed();
  assert.equal(ca.asked.length, 0);

  // Two thirds of 90 days, and half of the jitter of three days.
  clock.jump(dayMs);
  await source.look();
  await source.renewed();
  assert.equal(ca.asked.length, 1);
  assert.equal(source.current(), before);
  assert.match(source.facts().problem ?? '', /503/);
  assert.equal(source.facts().renewalFailures, 1);
  assert.equal(told.length, 1);

  await source.look();
  await source.renewed();
  assert.equal(ca.asked.length, 1);
  for (const minutes of [1, 10, 60, 180, 360]) {
    const asked: number = ca.asked.length;
    clock.jump(minutes * 60_000 - 1_000);
    await source.look();
    await source.renewed();
    assert.equal(ca.asked.length, asked, `${minutes} minutes are not over`);
    clock.jump(1_000);
    await source.look();
    await source.renewed();
    assert.equal(ca.asked.length, asked + 1, `${minutes} minutes are over`);
  }
});

test('what another process obtained is taken over without asking', async (t) => {
  const fixture = await fixtureOf(t);
  await stored(fixture, -dayMs, 89 * dayMs);
  const source = await fixture.open();
  await source.ready(never);
  let changes = 0;
  source.onChange(() => {
    changes += 1;
  });
  await stored(fixture, -hourMs, 90 * dayMs);
  await source.look();
  assert.equal(changes, 1);
  assert.equal(source.facts().expiresAtMs, Math.floor((fixture.clock.nowMs() + 90 * dayMs) / 1000) * 1000);
  assert.equal(fixture.ca.asked.length, 0);
});

test('with an end of the source its timers end', async (t) => {
  const { open, clock } = await fixtureOf(t);
  const source = await open();
  await source.close();
  assert.equal(clock.timers, 0);
});
