/**
 * Obtains one certificate, from the order to the chain (RFC 8555, section 7.4):
 *
 *   order --> authorizations --shown, checked by the CA--> finalize --> valid --> chain
 *
 * Challenge responses are always removed at the end. Order and key are stored before the CA is asked to issue, so that
 * a process that is killed between issue and save fetches that certificate later instead of ordering another.
 */
import ipaddr from 'ipaddr.js';
import type { Clock } from '../../core/clock.ts';
import { pause } from '../../core/deadline.ts';
import { isAddressName } from '../../core/proxy/acme-config.ts';
import type { CertificatePair } from '../../core/proxy/certificate-provider.ts';
import { beginMsOf, expiryMsOf, namesOf, pairText, type ReadPair, readPair } from '../certificate-pair.ts';
import { loadIssue } from '../load-issue.ts';
import type { AcmeClient } from './acme-client.ts';
import { AcmeFailure, printableExcerpt } from './acme-failure.ts';
import { failureOf, retryAfterMs } from './acme-problem.ts';
import { type AcmeOrder, type Authorization, authorizationIn, orderIn } from './acme-responses.ts';
import { type AcmeAnswer, malformed } from './acme-transport.ts';
import type { Prover } from './prover.ts';

/** An order that the CA was asked to issue, and the key of its certificate. */
export interface BegunOrder {
  readonly url: string;
  readonly key: string;
}

export interface Wanted {
  readonly client: AcmeClient;
  readonly clock: Clock;
  readonly domains: readonly string[];
  /** The certificate profile to ask for; undefined: the CA selects. */
  readonly profile: string | undefined;
  /** The id of the certificate that the new one replaces (RFC 9773, section 4.1). */
  readonly replaces: string | undefined;
  /** Called before the CA is asked to issue. */
  readonly keep: (order: BegunOrder) => Promise<void>;
  /** Reports the current step, in words. */
  readonly doing: (what: string) => void;
}

const firstLookMs = 50;
const maxLookMs = 2_000;
const maxAskedWaitMs = 15_000;

/** Throws an `AcmeFailure`, what `keep` throws, or the reason of the signal. */
export async function obtain(wanted: Wanted, prover: Prover, signal: AbortSignal): Promise<ReadPair> {
  const { client, domains, keep } = wanted;
  wanted.doing('the order');
  const answer = await newOrder(wanted, signal);
  const { location } = answer.headers;
  if (location === undefined) throw malformed(client.directory.newOrder, 'it gave the order no address');
  const order = orderIn(location, answer);
  await prove(wanted, prover, order, signal);
  const { issueRequest } = await loadIssue();
  const { key, request } = await issueRequest(domains);
  await keep({ url: order.url, key });
  wanted.doing('the certificate');
  const asked = await client.post('certificate', order.finalize, signal, {
    csr: request.toString('base64url'),
  });
  return fetchChain(wanted, await issued(wanted, order.url, asked, signal), key, signal);
}

async function newOrder(
  { client, domains, profile, replaces }: Wanted,
  signal: AbortSignal,
): Promise<AcmeAnswer> {
  const order = {
    // RFC 8738, section 3.
    identifiers: domains.map((value) => ({ type: isAddressName(value) ? 'ip' : 'dns', value })),
    ...(profile === undefined ? {} : { profile }),
  };
  const url = client.directory.newOrder;
  if (replaces === undefined) return client.post('order', url, signal, order);
  try {
    return await client.post('order', url, signal, { ...order, replaces });
  } catch (error) {
    // The certificate was replaced already, or belongs to another account: each CA has another problem type for that. A
    // new certificate is needed all the same.
    if (!(error instanceof AcmeFailure) || error.notBeforeMs !== undefined || error.problem === 'rateLimited')
      throw error;
    return client.post('order', url, signal, order);
  }
}

/** Fetches the certificate of an earlier order; undefined if the CA has none. Throws the reason of the signal. */
export async function resume(
  wanted: Wanted,
  begun: BegunOrder,
  signal: AbortSignal,
): Promise<ReadPair | undefined> {
  const { client } = wanted;
  wanted.doing('the certificate of an earlier order');
  try {
    const answer = await client.post('certificate', begun.url, signal);
    // An order that the CA was not yet asked to issue may expire.
    if (!['processing', 'valid'].includes(orderIn(begun.url, answer).status)) return undefined;
    return await fetchChain(wanted, await issued(wanted, begun.url, answer, signal), begun.key, signal);
  } catch {
    signal.throwIfAborted();
    // The order no longer exists, or belongs to another account.
    return undefined;
  }
}

async function prove(wanted: Wanted, prover: Prover, order: AcmeOrder, signal: AbortSignal): Promise<void> {
  const { client } = wanted;
  const shown: (() => Promise<void>)[] = [];
  const asked: string[] = [];
  try {
    // All challenge responses are published before the CA checks the first: a domain and its wildcard use the same
    // record name.
    const challenges: string[] = [];
    for (const url of order.authorizations) {
      const authorization = authorizationIn(url, await client.post('challenge', url, signal));
      if (authorization.status === 'valid') continue;
      const domain = spelledAsOrdered(authorization.domain);
      // A DNS hook would write the record into any zone that the CA names.
      if (!wanted.domains.includes(domain) && !wanted.domains.includes(`*.${domain}`))
        throw malformed(url, 'it requires validation of a name that was not ordered');
      if (authorization.status !== 'pending') throw unproved(authorization, prover);
      const challenge = authorization.challenges.find((c) => c.type === prover.type);
      if (challenge === undefined) throw notOffered(authorization, prover);
      const authorizationText = client.key.authorization(challenge.token);
      wanted.doing(`${prover.type} of ${domain}`);
      shown.push(
        await prover.show({ domain, token: challenge.token, authorization: authorizationText }, signal),
      );
      challenges.push(challenge.url);
      asked.push(url);
    }
    for (const url of challenges) await client.post('challenge', url, signal, {});
    for (const url of asked) {
      const last = await settled(wanted, url, await client.post('challenge', url, signal), signal, (a) =>
        authorizationIn(url, a).status === 'pending' ? 'more' : 'done',
      );
      const authorization = authorizationIn(url, last);
      if (authorization.status !== 'valid') throw unproved(authorization, prover);
    }
  } finally {
    for (const takeAway of shown) await takeAway();
  }
}

/** An IPv6 address in the form of RFC 5952, which `domains` have. */
function spelledAsOrdered(name: string): string {
  return isAddressName(name) ? ipaddr.parse(name).toString() : name;
}

async function issued(
  wanted: Wanted,
  url: string,
  asked: AcmeAnswer,
  signal: AbortSignal,
): Promise<AcmeOrder> {
  const last = await settled(wanted, url, asked, signal, (a) =>
    orderIn(url, a).status === 'processing' ? 'more' : 'done',
  );
  const order = orderIn(url, last);
  if (order.status === 'valid') return order;
  if (order.problem !== undefined) throw failureOf('certificate', order.problem, undefined);
  throw malformed(url, `the order is ${printableExcerpt(order.status)} in place of valid`);
}

async function fetchChain(
  wanted: Wanted,
  order: AcmeOrder,
  key: string,
  signal: AbortSignal,
): Promise<ReadPair> {
  const { client, clock, domains } = wanted;
  if (order.certificate === undefined) throw malformed(order.url, 'the order names no certificate');
  const { text } = await client.post('certificate', order.certificate, signal);
  const pair = readPair(pairText({ key, chain: text } satisfies CertificatePair));
  if (typeof pair === 'string') throw malformed(order.certificate, `what it issued ${pair}`);
  const held = new Set(namesOf(pair.certificate));
  const missing = domains.find((domain) => !held.has(domain));
  if (missing !== undefined)
    throw malformed(order.certificate, `the certificate that it issued is not for ${missing}`);
  const nowMs = clock.nowMs();
  if (nowMs < beginMsOf(pair.certificate) || nowMs > expiryMsOf(pair.certificate)) {
    const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
    throw new AcmeFailure({
      step: 'certificate',
      reason: `it issued one from ${day(beginMsOf(pair.certificate))} to ${day(expiryMsOf(pair.certificate))}, and this machine's clock says ${day(nowMs)}`,
      fix: "Set this machine's clock.",
    });
  }
  return pair;
}

/** Polls until `look` is satisfied, at the interval that the CA asks for. */
async function settled(
  { client, clock }: Wanted,
  url: string,
  first: AcmeAnswer,
  signal: AbortSignal,
  look: (answer: AcmeAnswer) => 'more' | 'done',
): Promise<AcmeAnswer> {
  let answer = first;
  for (let waitMs = firstLookMs; look(answer) === 'more'; waitMs = Math.min(waitMs * 2, maxLookMs)) {
    const askedMs = retryAfterMs(answer.headers['retry-after'], clock.nowMs());
    await pause(clock, Math.min(askedMs ?? waitMs, maxAskedWaitMs), signal);
    answer = await client.post('certificate', url, signal);
  }
  return answer;
}

function unproved(authorization: Authorization, prover: Prover): AcmeFailure {
  const { domain, status, challenges } = authorization;
  const problem = challenges.find((c) => c.problem !== undefined)?.problem;
  const said =
    problem === undefined
      ? `the CA calls it ${printableExcerpt(status)}`
      : `the CA said "${printableExcerpt(problem.detail)}" (${printableExcerpt(problem.type)})`;
  return new AcmeFailure({
    step: 'challenge',
    reason: `${prover.type} did not prove ${domain}: ${said}`,
    fix: `Check that ${prover.requirement(domain)}.`,
    unproved: true,
  });
}

function notOffered({ domain, challenges }: Authorization, prover: Prover): AcmeFailure {
  const offered = challenges.map((c) => c.type).filter((type) => /^[a-z0-9-]{1,40}$/.test(type));
  return new AcmeFailure({
    step: 'challenge',
    reason: `the CA does not offer ${prover.type} for ${domain}, only ${offered.join(', ') || 'challenges that flm does not support'}`,
    fix: 'Choose another challenge with --acme-challenge; a wildcard needs --acme-dns-hook.',
    unproved: true,
  });
}
