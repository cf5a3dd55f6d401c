/**
 * Runs one order for a certificate: account, order, challenge, chain. Stores the intermediate state, and counts the
 * attempts. The caller holds the certificate's lock.
 */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { Clock } from '../../core/clock.ts';
import { type AcmeConfig, directoryOf } from '../../core/proxy/acme-config.ts';
import type { ReadPair } from '../certificate-pair.ts';
import type { CertificateStorage } from '../certificate-storage.ts';
import { AccountKey } from './account-key.ts';
import { AcmeClient } from './acme-client.ts';
import { AcmeFailure, printableExcerpt } from './acme-failure.ts';
import { acmeAccountName } from './acme-names.ts';
import { AcmeTransport } from './acme-transport.ts';
import { keepTries, nothingTried, readTries } from './failed-orders.ts';
import { type BegunOrder, obtain, resume, type Wanted } from './obtain.ts';
import type { Prover } from './prover.ts';
import { countedOrders, maxFailedOrdersPerDay, orderAllowedAtMs } from './renewal-schedule.ts';

export interface CertificateOrder {
  readonly store: CertificateStorage;
  /** The name of the certificate in the store. */
  readonly name: string;
  readonly clock: Clock;
  readonly domains: readonly string[];
  readonly acme: AcmeConfig;
  /** The name of this program in requests to the CA. */
  readonly agentName: string;
  /** The challenges that can prove the domains, most likely first; at least one. */
  readonly provers: readonly Prover[];
  /** Called when one challenge did not prove the domains and the next is tried. */
  readonly unproved: (why: string) => void;
  /** Reports the current step, in words. */
  readonly doing: (what: string) => void;
}

const accountLockMs = 60_000;
const begunSchema = z.object({ url: z.string(), key: z.string() });

/**
 * The certificate is saved when it resolves. Throws an `AcmeFailure`, a `CertificateError`, or the reason of the
 * signal.
 */
export async function orderCertificate(order: CertificateOrder, signal: AbortSignal): Promise<ReadPair> {
  const { store, name, clock, acme, agentName, domains, doing } = order;
  await mayAsk(order);
  const begun = await readBegun(store, name);
  if (begun === undefined) await mayOrder(order);
  doing('the directory of the CA');
  const transport = new AcmeTransport(clock, agentName, await authorityText(acme.caFile));
  try {
    const client = await AcmeClient.open(transport, clock, directoryOf(acme), signal);
    doing('the account with the CA');
    await enterAccount(order, client, signal);
    const keep = (o: BegunOrder): Promise<void> => store.keepNote(name, 'order', JSON.stringify(o));
    const wanted: Wanted = { client, clock, domains, keep, doing };
    const pair =
      (begun === undefined ? undefined : await resume(wanted, begun, signal)) ??
      (await obtainAnyhow(order, wanted, signal));
    await store.write(name, pair);
    await store.remove(name, 'order');
    await keepTries(store, name, nothingTried);
    return pair;
  } finally {
    transport.close();
  }
}

/** Tries each challenge until one proves the domains. */
async function obtainAnyhow(order: CertificateOrder, wanted: Wanted, signal: AbortSignal): Promise<ReadPair> {
  const { store, name, provers, unproved } = order;
  // The earlier order led to no certificate.
  await store.remove(name, 'order');
  const failures: AcmeFailure[] = [];
  for (const prover of provers) {
    try {
      await prover.open?.();
      await mayOrder(order);
      // The order counts as failed until it succeeds, also if this process is killed in the middle. A full disk is
      // noticed here, before the CA is asked.
      await countOrder(order);
      return await obtain(wanted, prover, signal);
    } catch (error) {
      // Any other failure would also occur with another challenge.
      if (!(error instanceof AcmeFailure && error.unproved)) throw error;
      failures.push(error);
      if (failures.length < provers.length) unproved(error.message);
    }
  }
  const [only, another] = failures;
  if (only !== undefined && another === undefined) throw only;
  throw allOf(failures);
}

function allOf(failures: readonly AcmeFailure[]): AcmeFailure {
  return new AcmeFailure({
    step: 'challenge',
    reason: failures.map(({ params }) => String(params.reason)).join('; and '),
    fix: failures.map(({ params }) => String(params.fix)).join(' '),
    unproved: true,
  });
}

/** Throws an `AcmeFailure` if the CA asked for no requests until later. */
async function mayAsk({ store, name, clock }: CertificateOrder): Promise<void> {
  const { caNotBeforeMs } = await readTries(store, name);
  if (caNotBeforeMs <= clock.nowMs()) return;
  throw new AcmeFailure({
    step: 'waiting',
    reason: 'the CA asked to wait before the next request',
    fix: 'flm sent no request to the CA now.',
    notBeforeMs: caNotBeforeMs,
  });
}

/** Throws an `AcmeFailure` if too many orders failed. */
async function mayOrder({ store, name, clock }: CertificateOrder): Promise<void> {
  const record = await readTries(store, name);
  const nowMs = clock.nowMs();
  const allowedAtMs = orderAllowedAtMs(countedOrders(record.failedOrdersAtMs, nowMs));
  if (allowedAtMs <= nowMs) return;
  throw new AcmeFailure({
    step: 'waiting',
    reason: `${maxFailedOrdersPerDay} orders failed within a day, and more attempts would only use up the limits of the CA`,
    fix: 'Fix the problem in the log, then try again with `flm cert renew`.',
    notBeforeMs: allowedAtMs,
  });
}

async function countOrder({ store, name, clock }: CertificateOrder): Promise<void> {
  const record = await readTries(store, name);
  const nowMs = clock.nowMs();
  const failedOrdersAtMs = [...countedOrders(record.failedOrdersAtMs, nowMs), nowMs];
  await keepTries(store, name, { ...record, failedOrdersAtMs });
}

async function enterAccount(order: CertificateOrder, client: AcmeClient, signal: AbortSignal): Promise<void> {
  const { store, acme } = order;
  const name = acmeAccountName(directoryOf(acme));
  await store.locked(name, accountLockMs, signal, async () => {
    const kept = AccountKey.read((await store.note(name, 'key')) ?? '');
    // A stored account key means that the terms were accepted.
    if (kept === undefined && !acme.acceptTerms) throw termsNeeded(client.directory.terms);
    const key = kept ?? AccountKey.make();
    // Stored before the account is created, so that no account is lost.
    if (kept === undefined) await store.keepNote(name, 'key', key.pem());
    await client.enter(key, acme.email, signal);
  });
}

function termsNeeded(terms: string | undefined): AcmeFailure {
  return new AcmeFailure({
    step: 'account',
    reason: 'its terms of service are not accepted yet',
    fix: `Read ${terms === undefined ? 'them on its pages' : printableExcerpt(terms)} and start with --acme-accept-terms, once.`,
  });
}

async function authorityText(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const unusable = (what: string, cause?: unknown): AcmeFailure =>
    new AcmeFailure({
      step: 'directory',
      reason: `the file ${file} ${what}`,
      fix: 'Give --acme-ca a file with the CA of the ACME server itself (PEM).',
      cause,
    });
  let text: string;
  try {
    text = await readFile(file, 'latin1');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error';
    throw unusable(`cannot be read (${code})`, cause);
  }
  if (!text.includes('-----BEGIN CERTIFICATE-----')) throw unusable('holds no certificate');
  return text;
}

async function readBegun(store: CertificateStorage, name: string): Promise<BegunOrder | undefined> {
  try {
    return begunSchema.parse(JSON.parse((await store.note(name, 'order')) ?? ''));
  } catch {
    // The file is damaged or missing.
    return undefined;
  }
}
