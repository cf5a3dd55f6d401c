/**
 * A request of this process that waits for a slot from the newest process, or from this process if the link is lost.
 */
import { rule } from '../rules.ts';
import type { AdmissionAsk, AdmissionDenial, Lease, QueueTicket } from './admission.ts';
import { linkAnswers } from './limits-link.ts';
import type { LimitsLinkClient } from './limits-link-client.ts';
import type { LimitPorts, LocalLimits } from './local-limits.ts';

export type Settled = (outcome: Lease | AdmissionDenial) => void;

export class LinkedRequest {
  readonly #link: LimitsLinkClient;
  readonly #ask: AdmissionAsk;
  readonly #settled: Settled;
  readonly #local: LocalLimits;
  readonly #own: LimitPorts;
  /** Its ticket in the queue of this process, after the link is lost. */
  #ticket: QueueTicket | undefined;
  #over = false;

  constructor(
    link: LimitsLinkClient,
    ask: AdmissionAsk,
    settled: Settled,
    local: LocalLimits,
    own: LimitPorts,
  ) {
    this.#link = link;
    this.#ask = ask;
    this.#settled = settled;
    this.#local = local;
    this.#own = own;
  }

  /** `raw` is the answer of the newest process; undefined if there is none. */
  settle(raw: unknown): void {
    const { data } = linkAnswers.enter.safeParse(raw);
    const { candidates, key } = this.#ask;
    if (data !== undefined && 'denied' in data) return this.#end(queueDenial(data.denied));
    const candidate = data && candidates.all.find(({ engine }) => engine.ref.id === data.engine);
    // The newest process counts the slot. This process counts it too, in case the link is lost.
    if (candidate !== undefined) return this.#end(this.#local.admission.hold(candidate, key.familyId));
    const entered = this.#own.admission.enter(this.#ask, (outcome) => this.#end(outcome));
    if (entered.kind === 'waiting') this.#ticket = entered;
    else this.#end(entered);
  }

  /** Known only after the link is lost: the other process does not report it. */
  place(): number | undefined {
    return this.#ticket?.place();
  }

  /** `n` is the number of the requesting message. */
  leave(n: number): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#ticket !== undefined) return this.#ticket.leave();
    this.#link.forget(n);
    this.#link.send({ do: 'leave', entered: n });
  }

  #end(outcome: Lease | AdmissionDenial): void {
    this.#over = true;
    this.#settled(outcome);
  }
}

function queueDenial(told: {
  readonly waited: boolean;
  readonly retryAfterMs: number;
  readonly position: number;
  readonly expectedWaitMs: number;
}): AdmissionDenial {
  const { waited, retryAfterMs, position, expectedWaitMs } = told;
  return {
    kind: 'denied',
    code: 'QUEUE_FULL',
    params: {},
    rule: waited ? rule('max-queue-wait') : rule('max-queued'),
    retryAfterMs,
    position,
    expectedWaitMs,
  };
}
