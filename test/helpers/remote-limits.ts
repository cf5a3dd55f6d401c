/**
 * Limits that another machine counts, as in a fleet: every answer arrives in a later turn of the event loop, and the
 * link can hang or fail. If the link fails, each machine decides by itself, from its own counts.
 */
import type { Denial } from '../../src/core/security/access.ts';
import type {
  Admission,
  AdmissionAsk,
  AdmissionDenial,
  Lease,
  QueueTicket,
} from '../../src/core/security/admission.ts';
import type { KeyView } from '../../src/core/security/api-key.ts';
import type { ConcurrencyLimiter, KeyHolding, KeyHoldings } from '../../src/core/security/key-holdings.ts';
import type { BucketAsk, BucketReading, RateLimiter, Verdict } from '../../src/core/security/rate-limiter.ts';

/** The link to the other machine. */
export class RemoteLink {
  #fails = false;
  #gate: { readonly asked: () => void; readonly opened: Promise<void> } | undefined;

  /** Whether the other machine answered. */
  async trip(): Promise<boolean> {
    await new Promise((resolve) => setImmediate(resolve));
    const gate = this.#gate;
    gate?.asked();
    await gate?.opened;
    return !this.#fails;
  }

  fail(fails = true): void {
    this.#fails = fails;
  }

  /** No answer arrives until `open` is called; `asked` resolves when a request waits for an answer. */
  hang(): { readonly asked: Promise<void>; readonly open: () => void } {
    const asked = Promise.withResolvers<void>();
    const opened = Promise.withResolvers<void>();
    this.#gate = { asked: asked.resolve, opened: opened.promise };
    return { asked: asked.promise, open: opened.resolve };
  }
}

export class RemoteRateLimiter implements RateLimiter {
  readonly #link: RemoteLink;
  readonly #remote: RateLimiter;
  readonly #local: RateLimiter;

  constructor(link: RemoteLink, remote: RateLimiter, local: RateLimiter) {
    this.#link = link;
    this.#remote = remote;
    this.#local = local;
  }

  async take(asks: readonly BucketAsk[], nowMs: number): Promise<Verdict> {
    return (await this.#link.trip()) ? this.#remote.take(asks, nowMs) : this.#local.take(asks, nowMs);
  }

  async reading(ask: BucketAsk, nowMs: number): Promise<BucketReading> {
    return (await this.#link.trip()) ? this.#remote.reading(ask, nowMs) : this.#local.reading(ask, nowMs);
  }
}

/** Counts every request at the other machine and here, so that it can decide from its own count. */
export class RemoteConcurrency implements ConcurrencyLimiter {
  readonly #link: RemoteLink;
  readonly #remote: KeyHoldings;

  constructor(link: RemoteLink, remote: KeyHoldings) {
    this.#link = link;
    this.#remote = remote;
  }

  async takeRequest(key: KeyView, holding: KeyHolding): Promise<Denial | undefined> {
    await this.#link.trip();
    return this.#remote.takeRequest(key, this.#remote.of(holding.familyId));
  }

  giveBackRequest(holding: KeyHolding): void {
    this.#remote.giveBackRequest(this.#remote.of(holding.familyId));
  }
}

/** Every request waits for an answer, such as that of the machine which has the slots and the queue. */
export class RemoteAdmission implements Admission {
  readonly #answer: () => Promise<unknown>;
  readonly #remote: Admission;

  constructor(answer: () => Promise<unknown>, remote: Admission) {
    this.#answer = answer;
    this.#remote = remote;
  }

  enter(ask: AdmissionAsk, settled: (outcome: Lease | AdmissionDenial) => void): QueueTicket {
    let hasLeft = false;
    let ticket: QueueTicket | undefined;
    void this.#answer().then(() => {
      if (hasLeft) return;
      const entered = this.#remote.enter(ask, settled);
      if (entered.kind === 'waiting') ticket = entered;
      else settled(entered);
    });
    return {
      kind: 'waiting',
      position: 1,
      place: () => ticket?.place(),
      leave: () => {
        hasLeft = true;
        ticket?.leave();
      },
    };
  }
}
