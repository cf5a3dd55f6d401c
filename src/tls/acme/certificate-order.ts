/**
 * Runs one order for a certificate: account, order, challenge, chain. Stores the intermediate state, and counts the
 * attempts. The caller holds the certificate's lock.
 */
import type { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { Clock } from '../../core/clock.ts';
import type { SecretRef } from '../../core/engine/engine.ts';
import { type AcmeConfig, directoryOf, isAddressName } from '../../core/proxy/acme-config.ts';
import type { ReadPair } from '../certificate-pair.ts';
import type { CertificateStorage } from '../certificate-storage.ts';
import { loadIssue } from '../load-issue.ts';
import { AccountKey, type ExternalAccount } from './account-key.ts';
import { AcmeClient } from './acme-client.ts';
import { AcmeFailure, printableExcerpt } from './acme-failure.ts';
import { acmeAccountName } from './acme-names.ts';
import type { Directory } from './acme-responses.ts';
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
  /** Reads a secret from a file or an environment variable; undefined if it cannot be read. */
  readonly readSecret: (secret: SecretRef) => string | undefined;
  /** The certificate that the new one replaces. */
  readonly replaced: X509Certificate | undefined;
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
  return withAcmeClient({ acme, clock, agentName }, signal, async (client) => {
    doing('the account with the CA');
    await enterAccount(order, client, signal);
    const keep = (o: BegunOrder): Promise<void> => store.keepNote(name, 'order', JSON.stringify(o));
    const wanted: Wanted = {
      ...{ client, clock, domains, keep, doing },
      profile: profileFor(acme, domains, client.directory),
      replaces: await replacedId(order, client),
    };
    const pair =
      (begun === undefined ? undefined : await resume(wanted, begun, signal)) ??
      (await obtainAnyhow(order, wanted, signal));
    await store.write(name, pair);
    await store.remove(name, 'order');
    await keepTries(store, name, nothingTried);
    return pair;
  });
}

/** Runs `f` with a client of the CA. Throws an `AcmeFailure`, the reason of the signal, or what `f` throws. */
export async function withAcmeClient<T>(
  { acme, clock, agentName }: Pick<CertificateOrder, 'acme' | 'clock' | 'agentName'>,
  signal: AbortSignal,
  f: (client: AcmeClient) => Promise<T>,
): Promise<T> {
  const transport = new AcmeTransport(clock, agentName, await authorityText(acme.caFile));
  try {
    return await f(await AcmeClient.open(transport, clock, directoryOf(acme), signal));
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
  const name = acmeAccountName(directoryOf(acme), acme.eabKid);
  const needsExternal = acme.eabKid !== undefined || client.directory.wantsExternalAccount;
  await store.locked(name, accountLockMs, signal, async () => {
    const kept = AccountKey.read((await store.note(name, 'key')) ?? '');
    // A stored account key means that the terms were accepted.
    if (kept === undefined && !acme.acceptTerms) throw termsNeeded(client.directory.terms);
    // Many CAs let a key of their website be used once. It is read only where the account does not exist yet.
    if (kept !== undefined && needsExternal && (await client.find(kept, signal))) return;
    const external = needsExternal ? externalAccount(order) : undefined;
    const key = kept ?? AccountKey.make();
    // Stored before the account is created, so that no account is lost.
    if (kept === undefined) await store.keepNote(name, 'key', key.pem());
    await client.enter(key, acme.email, signal, external);
  });
}

/** Throws an `AcmeFailure` without the key in its text. */
function externalAccount({ acme, readSecret }: CertificateOrder): ExternalAccount {
  const { eabKid, eabKeyFile, eabKeyEnv = '' } = acme;
  const failed = (reason: string, fix: string): AcmeFailure =>
    new AcmeFailure({ step: 'account', reason, fix });
  if (eabKid === undefined)
    throw failed(
      'the CA requires an account created on its website (external account binding)',
      'Create one there, and give its key id and key with --acme-eab-kid and --acme-eab-key-file.',
    );
  const text = readSecret(
    eabKeyFile === undefined ? { from: 'env', name: eabKeyEnv } : { from: 'file', path: eabKeyFile },
  )?.trim();
  const remedy =
    'Put the HMAC key there as the website of the CA shows it. It is needed once, to create the account.';
  if (text === undefined || text === '')
    throw failed(
      eabKeyFile === undefined
        ? `the key of the external account cannot be read from the variable ${eabKeyEnv}`
        : `the key of the external account cannot be read from the file ${eabKeyFile}`,
      remedy,
    );
  const key = /^[A-Za-z0-9_+/-]{16,1024}={0,2}$/.test(text) ? Buffer.from(text, 'base64url') : undefined;
  if (key === undefined)
    throw failed(
      eabKeyFile === undefined
        ? `the text in the variable ${eabKeyEnv} is no HMAC key in base64url`
        : `the text in the file ${eabKeyFile} is no HMAC key in base64url`,
      remedy,
    );
  return { kid: eabKid, key };
}

/** Let's Encrypt issues certificates for addresses only in a profile of this name. */
const profileOfAddresses = 'shortlived';

/** Throws an `AcmeFailure` if the CA does not have the profile. */
function profileFor(
  acme: AcmeConfig,
  domains: readonly string[],
  { profiles }: Directory,
): string | undefined {
  if (acme.profile === undefined)
    return domains.some(isAddressName) && profiles.includes(profileOfAddresses)
      ? profileOfAddresses
      : undefined;
  if (profiles.includes(acme.profile)) return acme.profile;
  const offered = profiles.filter((name) => /^[\x21-\x7e]{1,64}$/.test(name)).join(', ');
  throw new AcmeFailure({
    step: 'order',
    reason: `the CA has no certificate profile ${acme.profile}`,
    fix:
      offered === ''
        ? 'This CA has no profiles: leave --acme-profile out.'
        : `Choose one of ${offered} with --acme-profile, or leave it out.`,
  });
}

/** RFC 9773, section 5: the CA may exempt an order from its limits if the order names the certificate it replaces. */
async function replacedId({ replaced }: CertificateOrder, client: AcmeClient): Promise<string | undefined> {
  if (replaced === undefined || client.directory.renewalInfo === undefined) return undefined;
  return (await loadIssue()).renewalIdOf(replaced);
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
