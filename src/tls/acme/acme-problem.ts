/**
 * Turns a CA's problem document (RFC 8555, section 6.7) into a failure that says what to check, and `Retry-After` into
 * milliseconds.
 */

import { AcmeFailure, type AcmeStep, printableExcerpt } from './acme-failure.ts';
import type { AcmeProblem } from './acme-responses.ts';

/** Longer than any real rate limit of a CA. */
const maxWaitMs = 7 * 86_400_000;

const fixes: Readonly<Record<string, string>> = {
  rateLimited: 'The CA limits the number of requests; use --acme-staging for tests.',
  invalidContact: 'Give another address with --acme-email.',
  unsupportedContact: 'Give another address with --acme-email.',
  userActionRequired:
    "The CA has new terms of service; read them on the CA's pages and start again with --acme-accept-terms.",
  accountDoesNotExist: 'The account no longer exists; the next attempt creates a new one.',
  rejectedIdentifier: 'The CA issues no certificate for this name: check its spelling.',
  caa: "The domain's CAA records list the CAs that may issue its certificates: add this CA, or use another one.",
  dns: "Check the domain's DNS records.",
  externalAccountRequired:
    'Create an account on the website of the CA, and give its key id and key with --acme-eab-kid and --acme-eab-key-file.',
  unsupportedProfile: 'Choose another certificate profile with --acme-profile.',
  invalidProfile: 'Choose another certificate profile with --acme-profile.',
  serverInternal: 'The CA has an internal problem; try again later.',
};

export function failureOf(
  step: AcmeStep,
  problem: AcmeProblem,
  notBeforeMs: number | undefined,
): AcmeFailure {
  const { type, domain } = problem;
  const of = domain === undefined ? '' : ` for ${printableExcerpt(domain)}`;
  const what = {
    directory: 'its directory',
    account: 'the account',
    order: `the order${of}`,
    challenge: `the proof${of}`,
    certificate: `the certificate${of}`,
    renewal: 'the question when to renew',
    saving: 'the certificate',
    waiting: 'the order',
  }[step];
  return new AcmeFailure({
    step,
    reason: `it refused ${what}: "${printableExcerpt(problem.detail)}" (${printableExcerpt(type)})`,
    fix: fixes[type] ?? 'The message of the CA describes the problem.',
    notBeforeMs,
    problem: type,
  });
}

/** RFC 9110, section 10.2.3: seconds or a date. Undefined if there is no valid value. */
export function retryAfterMs(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  const ms = /^\d{1,9}$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - nowMs;
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), maxWaitMs) : undefined;
}
