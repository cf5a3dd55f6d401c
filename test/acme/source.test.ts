/**
 * The certificate of a running proxy against Pebble, with what cannot be arranged from a command line: clocks, full
 * disks, and a process that is killed at the worst moment.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import type { CertificatePair } from '../../src/core/proxy/certificate-provider.ts';
import { parseProxyConfig } from '../../src/core/proxy/proxy-config.ts';
import { AcmeSource, type AcmeSourceDeps } from '../../src/tls/acme/acme-source.ts';
import { DnsHook } from '../../src/tls/acme/dns-hook.ts';
import type { Prover } from '../../src/tls/acme/prover.ts';
import type { NoteKind } from '../../src/tls/certificate-storage.ts';
import { CertificateStore } from '../../src/tls/certificate-store.ts';
import { noPebble, type Pebble, startPebble } from '../helpers/pebble.ts';
import { ShiftedClock } from '../helpers/shifted-clock.ts';
import { fill, smallDisk } from '../helpers/small-disk.ts';

const domains = ['llm.example.org'];
const never = new AbortController().signal;
const hourMs = 3_600_000;

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'flm-acme-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'tls');
}

function needsOf(pebble: Pebble, store: CertificateStore, clock: Clock, told: string[] = []): AcmeSourceDeps {
  const { acme } = parseProxyConfig({
    mode: 'https-acme',
    domains,
    acme: { directory: pebble.directory, caFile: pebble.caFile, acceptTerms: true, dnsHook: pebble.dnsHook },
  });
  const hook = new DnsHook({ command: pebble.dnsHook, clock, env: process.env, print: () => {} });
  return {
    ...{ store, clock, domains, acme, random: () => 0.5, agentName: 'flm/test' },
    provers: [hook],
    challenge: () => undefined,
    readSecret: () => undefined,
    tell: (event, detail) => told.push(`${event}: ${detail}`),
  };
}

async function open(t: TestContext, deps: AcmeSourceDeps): Promise<AcmeSource> {
  const source = await AcmeSource.open(deps);
  t.after(() => source.close());
  return source;
}

const orders = (pebble: Pebble): number => pebble.log().split('POST /order-plz').length - 1;
const leftovers = (folder: string): readonly string[] =>
  readdirSync(folder).filter((file) => /\.(part|order)$/.test(file));

test('a running proxy renews when two thirds are over, and swaps the new one in', {
  skip: noPebble,
}, async (t) => {
  const pebble = await startPebble(t, { lifetimeSeconds: 86_400 });
  const clock = new ShiftedClock();
  const told: string[] = [];
  /** Asks the CA for no time of the renewal, so that the age decides. */
  class WithoutAdvice extends CertificateStore {
    override keepNote(name: string, kind: NoteKind, text: string): Promise<void> {
      return kind === 'renewal' ? Promise.reject(new Error('full')) : super.keepNote(name, kind, text);
    }
  }
  const source = await open(t, needsOf(pebble, new WithoutAdvice(folderOf(t), clock), clock, told));
  await source.ready(never);
  const first = source.facts();
  assert.ok((first.renewsAtMs ?? 0) > clock.nowMs() + 16 * hourMs);
  let swaps = 0;
  source.onChange(() => {
    swaps += 1;
  });

  clock.shiftMs = 16 * hourMs;
  await source.look();
  await source.renewed();
  assert.equal(source.facts().fingerprint, first.fingerprint);

  clock.shiftMs = 17 * hourMs;
  await source.look();
  await source.renewed();
  assert.notEqual(source.facts().fingerprint, first.fingerprint);
  assert.equal(swaps, 1);
  assert.deepEqual(told, [`obtained: ${domains}`, `renewed: ${domains}`]);
});

test('a clock that is off by a year is told as such, before anything is ordered', {
  skip: noPebble,
}, async (t) => {
  const pebble = await startPebble(t);
  for (const years of [-1, 1]) {
    const clock = new ShiftedClock();
    clock.shiftMs = years * 365 * 24 * hourMs;
    const source = await open(t, needsOf(pebble, new CertificateStore(folderOf(t), clock), clock));
    await assert.rejects(source.ready(never), {
      code: 'PROXY_ACME_FAILED',
      message: /this machine's clock says \d{4}-\d\d-\d\d and the CA's says \d{4}/,
    });
  }
  assert.equal(orders(pebble), 0);
});

test('a disk that is full from the beginning orders nothing; one that is full at the save loses nothing', {
  skip: noPebble,
}, async (t) => {
  const folder = smallDisk(t);
  if (folder === undefined) return;
  const pebble = await startPebble(t);
  let filler = '';
  class FullAtSave extends CertificateStore {
    override write(name: string, pair: CertificatePair): Promise<void> {
      filler = fill(folder as string);
      return super.write(name, pair);
    }
  }
  const full = { code: 'CERT_STORE_FAILED', message: /the disk is full/ };

  // The lock and the account's key fit in before.
  const early = fill(folder);
  const none = await open(t, needsOf(pebble, new CertificateStore(folder, systemClock), systemClock));
  await assert.rejects(none.ready(never), full);
  assert.equal(orders(pebble), 0);
  rmSync(early);

  const source = await open(t, needsOf(pebble, new FullAtSave(folder, systemClock), systemClock));
  await assert.rejects(source.ready(never), full);
  assert.equal(orders(pebble), 1);
  assert.deepEqual(
    readdirSync(folder).filter((file) => /\.(pem|part)$/.test(file)),
    [],
  );

  rmSync(filler);
  const again = await open(t, needsOf(pebble, new CertificateStore(folder, systemClock), systemClock));
  await again.ready(never);
  assert.equal(orders(pebble), 1);
  assert.deepEqual(leftovers(folder), []);
});

test('a process that is killed between issue and save leaves no half pair, and the next one fetches what was issued', {
  skip: noPebble,
}, async (t) => {
  const pebble = await startPebble(t);
  const folder = folderOf(t);
  const child = spawn(process.execPath, [join(import.meta.dirname, 'killed-at-save.ts')], {
    env: { ...process.env, KILLED: JSON.stringify({ folder, domains, pebble }) },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  assert.deepEqual([code, signal], [null, 'SIGKILL']);
  assert.deepEqual(
    readdirSync(folder).filter((file) => file.endsWith('.pem')),
    [],
  );
  assert.equal(orders(pebble), 1);

  const source = await open(t, needsOf(pebble, new CertificateStore(folder, systemClock), systemClock));
  await source.ready(never);

  assert.deepEqual(source.facts().names, domains);
  assert.equal(orders(pebble), 1);
  assert.deepEqual(leftovers(folder), []);
});

test('where the first way fails to prove, the next is tried', { skip: noPebble }, async (t) => {
  const pebble = await startPebble(t);
  const told: string[] = [];
  const deps = needsOf(pebble, new CertificateStore(folderOf(t), systemClock), systemClock, told);
  const blind: Prover = {
    type: 'tls-alpn-01',
    requirement: () => 'it is there',
    show: () => Promise.resolve(() => Promise.resolve()),
  };
  const source = await open(t, { ...deps, provers: [blind, ...deps.provers] });
  await source.ready(never);
  assert.equal(orders(pebble), 2);
  assert.match(told[0] ?? '', /^unproved: .*tls-alpn-01 did not prove llm\.example\.org/);
});

/** Never done with showing. */
function stuck(shown: () => void): Prover {
  return {
    type: 'dns-01',
    requirement: () => '',
    async show(_proof, signal) {
      shown();
      if (!signal.aborted) await once(signal, 'abort');
      signal.throwIfAborted();
      return () => Promise.resolve();
    },
  };
}

const late = /the time limit \(90 s\) ended while flm waited for dns-01 of llm\.example\.org/;

test('the first certificate has ninety seconds in all, and then what was waited for is told', {
  skip: noPebble,
}, async (t) => {
  const pebble = await startPebble(t);
  const limits: (() => void)[] = [];
  const clock = new ShiftedClock();
  clock.after = (ms, f) => {
    if (ms === 90_000) limits.push(f);
    return systemClock.after(ms, f);
  };
  const folder = folderOf(t);
  const shown = Promise.withResolvers<void>();
  const source = await open(t, {
    ...needsOf(pebble, new CertificateStore(folder, clock), clock),
    provers: [stuck(() => shown.resolve())],
  });

  const ready = source.ready(never);
  await shown.promise;
  assert.equal(limits.length, 1);
  limits[0]?.();

  await assert.rejects(ready, { code: 'PROXY_ACME_FAILED', message: late });
  assert.deepEqual(
    readdirSync(folder).filter((file) => /\.(pem|part|order)$/.test(file)),
    [],
  );
});
