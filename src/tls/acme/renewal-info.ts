/**
 * When a CA wants a certificate to be renewed (RFC 9773). The answer is kept beside the certificate, so that proxies and
 * machines that share a certificate ask once, and choose one time in the CA's window together.
 *
 *   ask --window--> a random time in it, ask again after Retry-After (a minute to a day)
 *       '--no answer--> what was known stays, ask again after 1, 2, 4 ... minutes, at most 6 hours
 */
import type { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from '../../core/clock.ts';
import { beginMsOf, expiryMsOf } from '../certificate-pair.ts';
import type { CertificateStorage } from '../certificate-storage.ts';
import { loadIssue } from '../load-issue.ts';
import type { AcmeClient } from './acme-client.ts';
import { AcmeFailure } from './acme-failure.ts';
import type { SuggestedWindow } from './acme-responses.ts';
import type { Random } from './renewal-schedule.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** RFC 9773, section 4.3: limits of a client for the CA's `Retry-After`. */
const leastWaitMs = minuteMs;
const mostWaitMs = dayMs;
/** For a CA that does not say. */
const usualWaitMs = 6 * hourMs;
/** For another process that asks now. */
const claimMs = 5 * minuteMs;
/**
 * How many windows in the past lead to a new certificate within a day. A CA that gives such a window for each new
 * certificate would otherwise issue without an end.
 */
const maxHurriesPerDay = 3;

const schema = z.object({
  /** The record is about this certificate. */
  fingerprint: z.string(),
  /** No question to the CA before this time. */
  askAtMs: z.number(),
  /** Questions without an answer in a row. */
  failures: z.number().default(0),
  /** Times of renewals before their age, for windows in the past, of this certificate and those before it. */
  hurriedAtMs: z.array(z.number()).max(100).default([]),
  window: z
    .object({
      startMs: z.number(),
      endMs: z.number(),
      explanationUrl: z.string().optional(),
      /** The time that flm chose in the window. */
      chosenMs: z.number(),
    })
    .optional(),
});

export type RenewalAdvice = Readonly<z.output<typeof schema>>;
export type AdvisedWindow = Readonly<NonNullable<RenewalAdvice['window']>>;

/** Undefined if nothing is known about this certificate. A damaged record counts as none: the CA can be asked again. */
export async function readAdvice(
  store: CertificateStorage,
  name: string,
  certificate: X509Certificate,
): Promise<RenewalAdvice | undefined> {
  const advice = await readRecord(store, name);
  return advice?.fingerprint === certificate.fingerprint256 ? advice : undefined;
}

async function readRecord(store: CertificateStorage, name: string): Promise<RenewalAdvice | undefined> {
  const text = await store.note(name, 'renewal');
  if (text === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

export interface AskedAdvice {
  readonly store: CertificateStorage;
  readonly name: string;
  readonly certificate: X509Certificate;
  readonly clock: Clock;
  readonly random: Random;
  /** Opens a connection to the CA, and closes it after `f`. */
  readonly withClient: <T>(f: (client: AcmeClient) => Promise<T>) => Promise<T>;
}

/**
 * Asks the CA, stores the answer, and returns it. A failure is stored, too: it never keeps a certificate from being
 * renewed by its age. Throws a `CertificateError` CERT_STORE_FAILED, or the reason of the signal.
 */
export async function askAdvice(asked: AskedAdvice, signal: AbortSignal): Promise<RenewalAdvice> {
  const { store, name, certificate, clock, random, withClient } = asked;
  const { fingerprint256: fingerprint } = certificate;
  const stored = await readRecord(store, name);
  const before = stored?.fingerprint === fingerprint ? stored : undefined;
  const hurriedAtMs = (stored?.hurriedAtMs ?? []).filter((atMs) => isWithinDay(atMs, clock.nowMs()));
  const keep = async (advice: RenewalAdvice): Promise<RenewalAdvice> => {
    await store.keepNote(name, 'renewal', JSON.stringify(advice));
    return advice;
  };
  const known = { failures: 0, ...before, fingerprint, hurriedAtMs };
  await keep({ ...known, askAtMs: clock.nowMs() + claimMs });
  try {
    const { renewalIdOf } = await loadIssue();
    const id = renewalIdOf(certificate);
    const answer =
      id === undefined ? undefined : await withClient((client) => client.suggestedWindow(id, signal));
    const nowMs = clock.nowMs();
    // This CA has no renewal information, or none for this certificate.
    if (answer === undefined)
      return await keep({ fingerprint, hurriedAtMs, failures: 0, askAtMs: nowMs + mostWaitMs });
    const waitMs = Math.min(Math.max(answer.nextMs ?? usualWaitMs, leastWaitMs), mostWaitMs);
    const chosen = withTime(answer.window, before?.window, certificate, random);
    const record = { fingerprint, failures: 0, askAtMs: nowMs + waitMs };
    const knownMs = before?.window?.chosenMs;
    if (chosen.chosenMs > nowMs || (knownMs !== undefined && knownMs <= nowMs))
      return await keep({ ...record, hurriedAtMs, window: chosen });
    // The CA moves its window with each answer: the renewal has its time already.
    if (knownMs !== undefined && hurriedAtMs.includes(knownMs))
      return await keep({ ...record, hurriedAtMs, window: { ...chosen, chosenMs: knownMs } });
    const first = hurriedAtMs.at(-maxHurriesPerDay);
    const chosenMs =
      first === undefined ? chosen.chosenMs : Math.min(first + dayMs, lastRenewalMsOf(certificate));
    return await keep({
      ...record,
      hurriedAtMs: [...hurriedAtMs, Math.max(chosenMs, nowMs)],
      window: { ...chosen, chosenMs },
    });
  } catch (error) {
    signal.throwIfAborted();
    const failures = known.failures + 1;
    const nowMs = clock.nowMs();
    const waitMs = Math.min(minuteMs * 2 ** (failures - 1), usualWaitMs);
    const caNotBeforeMs = error instanceof AcmeFailure ? (error.notBeforeMs ?? 0) : 0;
    const askAtMs = Math.max(nowMs + waitMs, Math.min(caNotBeforeMs, nowMs + mostWaitMs));
    const advice = await keep({ ...known, failures, askAtMs });
    if (error instanceof Error && failures === 1) throw new UnansweredQuestion(error);
    return advice;
  }
}

/** The CA did not answer, for the first time since its last answer. The fact is stored already. */
export class UnansweredQuestion extends Error {
  constructor(cause: Error) {
    super(cause.message, { cause });
    this.name = 'UnansweredQuestion';
  }
}

/** A window that the CA repeats keeps its time. Otherwise each question would move the time. */
function withTime(
  { startMs, endMs, explanationUrl }: SuggestedWindow,
  before: AdvisedWindow | undefined,
  certificate: X509Certificate,
  random: Random,
): AdvisedWindow {
  const chosenMs = isSameTime({ startMs, endMs }, before)
    ? before.chosenMs
    : startMs + (endMs - startMs) * random();
  return {
    ...{ startMs, endMs, chosenMs: Math.min(chosenMs, lastRenewalMsOf(certificate)) },
    ...(explanationUrl === undefined ? {} : { explanationUrl }),
  };
}

/** A wrong answer of the CA must not let the certificate expire: a twentieth of the lifetime is left for attempts. */
function lastRenewalMsOf(certificate: X509Certificate): number {
  const beginMs = beginMsOf(certificate);
  return beginMs + (expiryMsOf(certificate) - beginMs) * 0.95;
}

function isSameTime(
  { startMs, endMs }: Pick<AdvisedWindow, 'startMs' | 'endMs'>,
  before: AdvisedWindow | undefined,
): before is AdvisedWindow {
  return before?.startMs === startMs && before.endMs === endMs;
}

/** A later time was written by a wrong clock. */
function isWithinDay(atMs: number, nowMs: number): boolean {
  return Math.abs(atMs - nowMs) < dayMs;
}
