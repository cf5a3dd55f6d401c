/**
 * Turns a CA's problem document (RFC 8555, section 6.7) into a failure that says what to check, and `Retry-After` into
 * milliseconds.
 */

import { AcmeFailure, type AcmeStep, printableExcerpt } from './acme-failure.ts';
import type { Problem } from './acme-responses.ts';

/** Longer than any rate limit of a CA that means it. */
const maxWaitMs = 7 * 86_400_000;

const fixes: Readonly<Record<string, string>> = {
  rateLimited: 'The CA limits how often it is asked; meanwhile --acme-staging is for trying out.',
  invalidContact: 'Give another address with --acme-email.',
  unsupportedContact: 'Give another address with --acme-email.',
  userActionRequired:
    "The CA has new terms of service; read them on the CA's pages and start again with --acme-accept-terms.",
  accountDoesNotExist: 'The account is gone; the next try makes another.',
  rejectedIdentifier: 'The CA gives no certificate for this name: check it for mistakes.',
  caa: "The domain's CAA records name the CAs that may vouch for it: add this one, or ask another.",
  dns: "Check the domain's DNS records.",
  externalAccountRequired: 'flm cannot use accounts that are made elsewhere; choose another CA.',
  serverInternal: 'The CA has trouble of its own; nothing is wrong here.',
};

export function failureOf(step: AcmeStep, problem: Problem, notBeforeMs: number | undefined): AcmeFailure {
  const { type, domain } = problem;
  const of = domain === undefined ? '' : ` for ${printableExcerpt(domain)}`;
  const what = {
    directory: 'its directory',
    account: 'the account',
    order: `the order${of}`,
    challenge: `the proof${of}`,
    certificate: `the certificate${of}`,
    saving: 'the certificate',
    waiting: 'the order',
  }[step];
  return new AcmeFailure({
    step,
    reason: `it refused ${what}: "${printableExcerpt(problem.detail)}" (${printableExcerpt(type)})`,
    fix: fixes[type] ?? 'What the CA said tells what to fix.',
    notBeforeMs,
  });
}

/** RFC 9110, section 10.2.3: seconds or a date. Undefined where there is none that means anything. */
export function retryAfterMs(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  const ms = /^\d{1,9}$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - nowMs;
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), maxWaitMs) : undefined;
}
