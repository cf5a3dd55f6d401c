/**
 * The two stages of one attempt: `admit` waits for a slot of an engine, `startAttempt` sends the request to that engine
 * and relays the response. Whatever ends the exchange while a stage waits settles the stage and releases what it holds.
 */
import type { Clock } from '../core/clock.ts';
import type { Candidates } from '../core/engine/directory.ts';
import type { AttemptEnd } from '../core/engine/engine.ts';
import { keyField } from '../core/engine/engine-kind.ts';
import type { Upstream } from '../core/engine/upstream.ts';
import type { AttemptTrace } from '../core/otlp/request-trace.ts';
import type { Limits } from '../core/proxy/limits.ts';
import type { Admission, AdmissionDenial, Lease } from '../core/security/admission.ts';
import type { KeyView } from '../core/security/api-key.ts';
import { engineVerdict } from './engine-verdict.ts';
import type { Exchange, Refusal } from './exchange.ts';
import type { AttemptResult, Relay } from './relay/relay.ts';
import { retryFields } from './retry-fields.ts';
import type { UpstreamRequest } from './upstream-request.ts';

export interface AttemptDeps {
  readonly upstream: Upstream;
  readonly admission: Admission;
  readonly clock: Clock;
  readonly limits: Limits;
}

/**
 * Another engine is tried only if no connection was made (refused, unreachable or too slow) or the engine answered 503
 * or 429, and only while the client has received nothing. It is not tried after another 4xx, a 500, or a timeout or
 * reset once the request was sent: a prompt that crashes one engine must not crash the next.
 *
 * There is a second, silent retry: on the same engine over a fresh connection, when a reused connection closed
 * (`upstream/in-flight-request.ts`).
 */
export function mayTryNext(end: AttemptEnd, status: number | undefined): boolean {
  return end === 'refused-connection' || status === 503 || status === 429;
}

/**
 * Returns a lease on one of the candidates, immediately if a slot is free, or the refusal of the queue. Returns
 * undefined if the exchange ended while it waited.
 */
export function admit(
  x: Exchange,
  key: KeyView,
  candidates: Candidates,
  generates: boolean,
  relay: Relay,
  { admission, clock }: AttemptDeps,
): Lease | AdmissionDenial | undefined | Promise<Lease | AdmissionDenial | undefined> {
  let settle: (outcome: Lease | AdmissionDenial | undefined) => void = () => {};
  const entered = admission.enter({ key, candidates, generates }, (outcome) => settle(outcome));
  if (entered.kind !== 'waiting') return entered;
  const enteredMs = clock.monotonicMs();
  relay.queueTicket = entered;
  return new Promise((resolve) => {
    settle = (outcome) => {
      relay.onOver = undefined;
      relay.queueTicket = undefined;
      // The sum over all engines that the request waited for.
      const nowMs = clock.monotonicMs();
      x.outcome.queuedMs = (x.outcome.queuedMs ?? 0) + nowMs - enteredMs;
      x.trace?.waited(enteredMs, nowMs);
      resolve(outcome);
    };
    const leave = (): void => {
      entered.leave();
      settle(undefined);
    };
    relay.onOver = leave;
  });
}

/**
 * Sends the request to the engine of the lease and relays the response. The lease is released as soon as the attempt is
 * over, before the response ends: the next request on the client's connection may begin with the last byte. Then
 * `settled` is called with the result.
 */
export function startAttempt(
  x: Exchange,
  key: KeyView,
  request: UpstreamRequest,
  fields: string,
  lease: Lease,
  relay: Relay,
  { upstream, limits, clock }: AttemptDeps,
  settled: (result: AttemptResult) => void,
): void {
  const { candidate } = lease;
  const { ref } = candidate.engine;
  x.outcome.engine = ref.id;
  x.outcome.contextLength = candidate.model?.contextLength;
  const attempt = x.trace?.attempt(ref, candidate.model?.id, clock.monotonicMs());
  const over = (result: AttemptResult): void => {
    if (attempt !== undefined) endAttempt(attempt, result, clock);
    lease.release(result.end, engineVerdict(request, key, candidate, result, x.head.fields));
    settled(result);
  };
  relay.onOver = over;
  relay.inFlightRequest = upstream.send(
    {
      to: ref.address,
      method: request.method,
      head: `${request.method} ${ref.address.path}${request.target} HTTP/1.1\r\n${fields}${attempt === undefined ? '' : x.trace?.fieldsFor(attempt)}${keyField(candidate.engine.kind.keyField, ref.apiKey)}`,
      body: request.body,
      bodyLength: request.bodyLength,
      connectTimeoutMs: limits.connectTimeoutMs,
      firstByteTimeoutMs: limits.firstByteTimeoutMs,
      idleTimeoutMs: limits.idleTimeoutMs,
    },
    relay,
  );
}

function endAttempt(attempt: AttemptTrace, { end, status }: AttemptResult, clock: Clock): void {
  attempt.endedAtMs = clock.monotonicMs();
  attempt.end = end;
  attempt.status = status;
}

/** `x-flm-queue-*` give the place in the queue that the request would have had, and the estimated wait. */
export function refusalOfDenial(denial: AdmissionDenial): Refusal {
  const { code, params, rule, retryAfterMs, position, expectedWaitMs } = denial;
  let fields = retryFields(retryAfterMs);
  if (position !== undefined) fields += `x-flm-queue-position: ${position}\r\n`;
  if (expectedWaitMs !== undefined) fields += `x-flm-queue-wait-ms: ${expectedWaitMs}\r\n`;
  return { code, params, rule, fields };
}
