/**
 * The `CertificateProvider` of mode `https-acme`: obtains a certificate from an ACME server and renews it while the
 * proxy runs.
 *
 *   nothing usable in the store --ready: 90 s--> held --two thirds over--> renewing --> held (swapped in)
 *                                                  ^                          '--failed: by the table--'
 *
 * Where the CA has renewal information (RFC 9773), the time comes from the CA in place of "two thirds over".
 *
 * A valid certificate in the store is used immediately, without asking the CA. Proxies that share a certificate share
 * its lock and its file: one renews it, the others read it. A failure is logged and tried again; until then the old
 * certificate stays in use.
 */
import type { X509Certificate } from 'node:crypto';
import type { Clock, Unsubscribe } from '../../core/clock.ts';
import { within } from '../../core/deadline.ts';
import type { SecretRef } from '../../core/engine/engine.ts';
import { FlmError } from '../../core/errors.ts';
import { type AcmeConfig, directoryOf } from '../../core/proxy/acme-config.ts';
import type {
  CertificateFacts,
  CertificatePair,
  CertificateProvider,
} from '../../core/proxy/certificate-provider.ts';
import { beginMsOf, expiryMsOf, namesOf, type ReadPair } from '../certificate-pair.ts';
import type { CertificateStorage } from '../certificate-storage.ts';
import { AcmeFailure, timeText } from './acme-failure.ts';
import { acmeCertificateName } from './acme-names.ts';
import { orderCertificate, withAcmeClient } from './certificate-order.ts';
import { keepTries, readTries } from './failed-orders.ts';
import type { Prover } from './prover.ts';
import {
  type AdvisedWindow,
  askAdvice,
  type RenewalAdvice,
  readAdvice,
  UnansweredQuestion,
} from './renewal-info.ts';
import { dueAtMs, type Random, retryWaitMs } from './renewal-schedule.ts';

export interface AcmeSourceDeps {
  readonly store: CertificateStorage;
  readonly clock: Clock;
  readonly random: Random;
  readonly domains: readonly string[];
  readonly acme: AcmeConfig;
  readonly agentName: string;
  /** False where another process still serves: renewals wait for `beginOrders`. */
  readonly mayOrder?: boolean;
  /** The challenges that can prove the domains, most likely first; at least one. */
  readonly provers: readonly Prover[];
  /** The validation certificate of a name, for a client that offered `acme-tls/1`. */
  readonly challenge: (name: string) => CertificatePair | undefined;
  /** Reads a secret from a file or an environment variable; undefined if it cannot be read. */
  readonly readSecret: (secret: SecretRef) => string | undefined;
  /** Reports an event at run time, for the log. `advised`: the CA suggests another time, with its reason. */
  readonly tell: (
    event: 'obtained' | 'renewed' | 'unproved' | 'failed' | 'advised' | 'unadvised',
    detail: string,
  ) => void;
}

interface Held {
  readonly pair: ReadPair;
  /** When the certificate is due by its age. */
  readonly agedAtMs: number;
}

/** Time limit for the first certificate. */
const firstMs = 90_000;
/** Time limit for a renewal, which runs in the background. */
const renewalMs = 600_000;
const lookEachMs = 30_000;

export class AcmeSource implements CertificateProvider {
  readonly #deps: AcmeSourceDeps;
  readonly #name: string;
  readonly #listeners = new Set<() => void>();
  readonly #ender = new AbortController();
  readonly #stopLooking: Unsubscribe;
  #held: Held | undefined;
  /** About the certificate in `#held`. */
  #advice: RenewalAdvice | undefined;
  #asking: Promise<void> | undefined;
  #problem: string | undefined;
  #failures = 0;
  /** The retry time of the stored record; kept here too, because the disk may be full. */
  #retryAtMs = 0;
  #checking: Promise<void> | undefined;
  #renewing: Promise<void> | undefined;
  #doing = '';
  #mayOrder: boolean;

  private constructor(deps: AcmeSourceDeps) {
    this.#deps = deps;
    this.#mayOrder = deps.mayOrder ?? true;
    this.#name = acmeCertificateName(directoryOf(deps.acme), deps.domains);
    this.#stopLooking = deps.clock.every(lookEachMs, () => void this.look());
  }

  /** Throws a `CertificateError` CERT_STORE_FAILED. */
  static async open(deps: AcmeSourceDeps): Promise<AcmeSource> {
    const source = new AcmeSource(deps);
    try {
      await source.#readStore();
      return source;
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  /** A renewal that this process began is not over. */
  get isRenewing(): boolean {
    return this.#renewing !== undefined;
  }

  /** The CA reaches this process from now on. */
  beginOrders(): void {
    this.#mayOrder = true;
    void this.look();
  }

  /** Another process orders from now on. A renewal that runs ends as it can. */
  beginNoOrder(): void {
    this.#mayOrder = false;
  }

  current(): CertificatePair | undefined {
    return this.#held?.pair;
  }

  challenge(name: string): CertificatePair | undefined {
    return this.#deps.challenge(name);
  }

  onChange(f: () => void): Unsubscribe {
    this.#listeners.add(f);
    return () => this.#listeners.delete(f);
  }

  /** Facts of the current certificate; only after `ready`. */
  facts(): CertificateFacts {
    if (this.#held === undefined) throw new Error('there is no certificate before `ready`');
    const { pair } = this.#held;
    const window = this.#advice?.window;
    return {
      names: namesOf(pair.certificate),
      leftOut: [],
      expiresAtMs: expiryMsOf(pair.certificate),
      fingerprint: pair.certificate.fingerprint256,
      renewsAtMs: this.#dueAtMs(this.#held),
      renewsBecause: window === undefined ? 'age' : 'ca-window',
      ...(window?.explanationUrl === undefined ? {} : { renewalExplanationUrl: window.explanationUrl }),
      renewalFailures: this.#failures,
      ...(this.#problem === undefined ? {} : { problem: this.#problem }),
    };
  }

  /**
   * Obtains the first certificate if the store has no valid one. The listener must answer before this is called. Throws
   * an `AcmeFailure`, a `CertificateError`, or the reason of the signal.
   */
  async ready(signal: AbortSignal): Promise<void> {
    if (this.#held !== undefined) return void this.look();
    const { clock } = this.#deps;
    try {
      await within(
        clock,
        firstMs,
        AbortSignal.any([signal, this.#ender.signal]),
        () => this.#late(firstMs),
        (limited) => this.#obtain(limited),
      );
      this.#deps.tell('obtained', this.#deps.domains.join(', '));
      // Asks the CA when to renew.
      void this.look();
    } catch (error) {
      if (!signal.aborted) await this.#countFailure(error);
      throw error;
    }
  }

  /** Uses the certificate that the store holds now, and starts a renewal if one is due. Never rejects. */
  look(): Promise<void> {
    this.#checking ??= this.#check().finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  /** Resolves when the running renewal, if any, is over. */
  async renewed(): Promise<void> {
    await this.#renewing;
  }

  /** Resolves when the CA answered the question when to renew, if one is on its way. */
  async advised(): Promise<void> {
    await this.#asking;
  }

  async close(): Promise<void> {
    this.#stopLooking();
    this.#ender.abort(new Error('closed'));
    this.#listeners.clear();
    await this.#checking;
    await this.#renewing;
    await this.#asking;
  }

  async #check(): Promise<void> {
    // `ready` obtains the first certificate.
    if (this.#held === undefined || this.#ender.signal.aborted) return;
    try {
      await this.#readStore();
      const { asked, retryAtMs, caNotBeforeMs } = await readTries(this.#deps.store, this.#name);
      const nowMs = this.#deps.clock.nowMs();
      if (nowMs >= Math.max(this.#advice?.askAtMs ?? 0, caNotBeforeMs)) this.#askAdvice(this.#held.pair);
      // A renewal that an administrator asks for does not wait for the next attempt of the schedule.
      const notBeforeMs = asked ? retryAtMs : Math.max(this.#dueAtMs(this.#held), retryAtMs, this.#retryAtMs);
      if (nowMs < notBeforeMs || this.#ender.signal.aborted || !this.#mayOrder) return;
      this.#renewing ??= this.#renew().finally(() => {
        this.#renewing = undefined;
      });
    } catch (error) {
      // Checked every 30 seconds, reported once.
      if (problemOf(error) !== this.#problem) this.#tellProblem(error);
    }
  }

  #dueAtMs({ agedAtMs }: Held): number {
    return this.#advice?.window?.chosenMs ?? agedAtMs;
  }

  /** In the background: a CA that does not answer must not delay a renewal by age. */
  #askAdvice({ certificate }: ReadPair): void {
    // RFC 9773, section 4.3: no question about an expired certificate.
    if (!this.#mayOrder || this.#ender.signal.aborted || this.#deps.clock.nowMs() >= expiryMsOf(certificate))
      return;
    this.#asking ??= this.#adviceFor(certificate).finally(() => {
      this.#asking = undefined;
    });
  }

  async #adviceFor(certificate: X509Certificate): Promise<void> {
    const { store, clock, random, tell } = this.#deps;
    const { signal } = this.#ender;
    try {
      const before = this.#advice;
      const advice = await askAdvice(
        {
          ...{ store, name: this.#name, certificate, clock, random },
          withClient: (f) => withAcmeClient(this.#deps, signal, f),
        },
        signal,
      );
      if (this.#held?.pair.certificate !== certificate) return;
      this.#advice = advice;
      const { window } = advice;
      if (window !== undefined && !isSameWindow(window, before?.window)) tell('advised', adviceText(window));
      if (window !== undefined && window.chosenMs <= clock.nowMs()) void this.look();
    } catch (error) {
      // A storage that takes no record is asked again in 30 seconds, before the CA is. A renewal reports its fault.
      if (!signal.aborted && error instanceof UnansweredQuestion) tell('unadvised', problemOf(error.cause));
    }
  }

  async #renew(): Promise<void> {
    try {
      await within(
        this.#deps.clock,
        renewalMs,
        this.#ender.signal,
        () => this.#late(renewalMs),
        (limited) => this.#obtain(limited),
      );
      this.#problem = undefined;
    } catch (error) {
      // One that another process took over from has not failed.
      if (this.#ender.signal.aborted || !this.#mayOrder) return;
      await this.#countFailure(error);
      // Updated together: a reader of the failure count also sees the reason.
      this.#failures += 1;
      this.#tellProblem(error);
    }
  }

  async #obtain(signal: AbortSignal): Promise<void> {
    const { store, clock, domains, acme, agentName, provers, readSecret } = this.#deps;
    this.#doing = 'another process that obtains the same certificate';
    // The signal ends the wait.
    await store.locked(this.#name, Number.POSITIVE_INFINITY, signal, async (holding) => {
      await this.#readStore();
      const { asked } = await readTries(store, this.#name);
      if (this.#held !== undefined && !asked && clock.nowMs() < this.#dueAtMs(this.#held)) return;
      const pair = await orderCertificate(
        {
          store,
          name: this.#name,
          clock,
          domains,
          acme,
          agentName,
          provers,
          readSecret,
          replaced: this.#held?.pair.certificate,
          unproved: (why) => this.#deps.tell('unproved', why),
          doing: (what) => {
            this.#doing = what;
          },
        },
        holding,
      );
      this.#hold(pair);
    });
  }

  async #readStore(): Promise<void> {
    const stored = await this.#deps.store.read(this.#name);
    if (stored.state !== 'sound') return;
    const { certificate } = stored.pair;
    const nowMs = this.#deps.clock.nowMs();
    const isGood = beginMsOf(certificate) <= nowMs && nowMs < expiryMsOf(certificate);
    if (isGood && stored.pair.chain !== this.#held?.pair.chain) this.#hold(stored.pair);
    // Another process may have asked the CA.
    if (this.#held !== undefined)
      this.#advice = await readAdvice(this.#deps.store, this.#name, this.#held.pair.certificate);
  }

  #hold(pair: ReadPair): void {
    const isRenewal = this.#held !== undefined;
    this.#held = { pair, agedAtMs: dueAtMs(pair.certificate, this.#deps.random) };
    this.#advice = undefined;
    this.#problem = undefined;
    if (isRenewal) this.#deps.tell('renewed', namesOf(pair.certificate).join(', '));
    for (const f of this.#listeners) f();
  }

  /** If the record cannot be stored, the problem of the disk is reported. */
  async #countFailure(error: unknown): Promise<void> {
    const { store, clock, random } = this.#deps;
    this.#retryAtMs = clock.nowMs() + retryWaitMs(this.#failures + 1, random);
    try {
      const record = await readTries(store, this.#name);
      const failures = record.failures + 1;
      const caNotBeforeMs =
        error instanceof AcmeFailure && error.step !== 'waiting'
          ? (error.notBeforeMs ?? 0)
          : record.caNotBeforeMs;
      const retryAtMs = Math.max(
        clock.nowMs() + retryWaitMs(failures, random),
        error instanceof AcmeFailure ? (error.notBeforeMs ?? 0) : 0,
      );
      await keepTries(store, this.#name, { ...record, failures, caNotBeforeMs, retryAtMs });
    } catch {
      // See above.
    }
  }

  #tellProblem(error: unknown): void {
    if (this.#ender.signal.aborted) return;
    this.#problem = problemOf(error);
    this.#deps.tell('failed', this.#problem);
  }

  #late(limitMs: number): AcmeFailure {
    return new AcmeFailure({
      step: 'waiting',
      reason: `the time limit (${limitMs / 1000} s) ended while flm waited for ${this.#doing}`,
      fix: 'Try again when the CA, or the server that it must reach, answers faster.',
    });
  }
}

function isSameWindow(a: AdvisedWindow, b: AdvisedWindow | undefined): boolean {
  return a.startMs === b?.startMs && a.endMs === b.endMs && a.explanationUrl === b.explanationUrl;
}

function adviceText({ startMs, endMs, chosenMs, explanationUrl }: AdvisedWindow): string {
  const why = explanationUrl === undefined ? '' : `; the reason: ${explanationUrl}`;
  return `between ${timeText(startMs)} and ${timeText(endMs)}, planned ${timeText(chosenMs)}${why}`;
}

function problemOf(error: unknown): string {
  return error instanceof FlmError ? `${error.message} ${error.hint}` : 'An internal error occurred in flm.';
}
