/**
 * All that an ACME server is asked in one go for one certificate: account, order, proof, chain; what is kept in the store
 * on the way, and which tries are counted. The caller holds the certificate's lock.
 */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { Clock } from '../../core/clock.ts';
import { type AcmeConfig, directoryOf } from '../../core/proxy/acme-config.ts';
import type { ReadPair } from '../certificate-pair.ts';
import type { CertificateStore } from '../certificate-store.ts';
import { AccountKey } from './account-key.ts';
import { AcmeClient } from './acme-client.ts';
import { AcmeFailure, quoted } from './acme-failure.ts';
import { acmeAccountName } from './acme-names.ts';
import { AcmeTransport } from './acme-transport.ts';
import { type BegunOrder, obtain } from './obtain.ts';
import type { Prover } from './prover.ts';
import { countedOrders, maxFailedOrdersPerDay, orderAllowedAtMs } from './renewal-schedule.ts';
import { keepTries, nothingTried, readTries } from './try-record.ts';

export interface CertificateOrder {
  readonly store: CertificateStore;
  /** Of the certificate in the store. */
  readonly name: string;
  readonly clock: Clock;
  readonly domains: readonly string[];
  readonly acme: AcmeConfig;
  /** How this program calls itself to the CA. */
  readonly agentName: string;
  /** What can prove the domains here, the most likely first. Throws an `AcmeFailure` where nothing can. */
  readonly provers: () => Promise<readonly Prover[]>;
  /** What is waited for from now on, in words. */
  readonly doing: (what: string) => void;
}

const accountLockMs = 60_000;
const begunSchema = z.object({ url: z.string(), key: z.string() });

/** The certificate is saved when it resolves. Throws an `AcmeFailure`, a `CertificateError`, or the reason of the signal. */
export async function orderCertificate(order: CertificateOrder, signal: AbortSignal): Promise<ReadPair> {
  const { store, name, clock, acme, agentName } = order;
  const begun = await readBegun(store, name);
  if (begun === undefined) await mayOrder(order);
  order.doing('the directory of the CA');
  const transport = new AcmeTransport(clock, agentName, await authorityText(acme.caFile));
  try {
    const client = await AcmeClient.open(transport, clock, directoryOf(acme), signal);
    order.doing('the account with the CA');
    await enterAccount(order, client, signal);
    const pair = await prove(order, client, begun, signal);
    await store.write(name, pair);
    await store.remove(name, 'order');
    await keepTries(store, name, nothingTried);
    return pair;
  } finally {
    transport.close();
  }
}

async function prove(
  order: CertificateOrder,
  client: AcmeClient,
  begun: BegunOrder | undefined,
  signal: AbortSignal,
): Promise<ReadPair> {
  const { store, name, clock, domains, doing } = order;
  const provers = await order.provers();
  for (const [index, prover] of provers.entries()) {
    // Counted as failed until it is not: also where this process is killed in the middle, and seen before the CA is
    // asked where the disk is full.
    await countOrder(order);
    try {
      return await obtain(
        {
          client,
          clock,
          domains,
          prover,
          begun: index === 0 ? begun : undefined,
          keep: (o) => store.keepNote(name, 'order', JSON.stringify(o)),
          doing,
        },
        signal,
      );
    } catch (error) {
      if (!(error instanceof AcmeFailure && error.unproved) || index === provers.length - 1) throw error;
    }
  }
  throw new Error('there is one way to prove a domain, or an error that says why not');
}

/** Throws an `AcmeFailure` where an order now would be no use or too many. */
async function mayOrder({ store, name, clock }: CertificateOrder): Promise<void> {
  const record = await readTries(store, name);
  const nowMs = clock.nowMs();
  if (record.caNotBeforeMs > nowMs)
    throw new AcmeFailure({
      step: 'waiting',
      reason: 'the CA asked to be left alone for a while',
      mend: 'Nothing was asked of it now.',
      notBeforeMs: record.caNotBeforeMs,
    });
  const allowedAtMs = orderAllowedAtMs(countedOrders(record.failedOrdersAtMs, nowMs));
  if (allowedAtMs > nowMs)
    throw new AcmeFailure({
      step: 'waiting',
      reason: `${maxFailedOrdersPerDay} orders failed within a day, and more would only use up what the CA allows`,
      mend: 'Mend what the log tells (`flm proxy logs`), then let it be tried at once: `flm cert renew`.',
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
    // Whoever has a key has accepted the terms.
    if (kept === undefined && !acme.acceptTerms) throw termsNeeded(client.directory.terms);
    const key = kept ?? AccountKey.make();
    // Before the account is made, so that none is lost.
    if (kept === undefined) await store.keepNote(name, 'key', key.pem());
    await client.enter(key, acme.email, signal);
  });
}

function termsNeeded(terms: string | undefined): AcmeFailure {
  return new AcmeFailure({
    step: 'account',
    reason: 'its terms of service are not accepted yet',
    mend: `Read ${terms === undefined ? 'them on its pages' : quoted(terms)} and start with --acme-accept-terms, once.`,
  });
}

async function authorityText(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const unusable = (what: string, cause?: unknown): AcmeFailure =>
    new AcmeFailure({
      step: 'directory',
      reason: `the file ${file} ${what}`,
      mend: 'Give --acme-ca a file with the CA that the ACME server itself is trusted by (PEM).',
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

async function readBegun(store: CertificateStore, name: string): Promise<BegunOrder | undefined> {
  try {
    return begunSchema.parse(JSON.parse((await store.note(name, 'order')) ?? ''));
  } catch {
    // Damaged, or none.
    return undefined;
  }
}
