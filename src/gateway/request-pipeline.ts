/**
 * What happens to a request, from top to bottom:
 *
 *   guard -> authenticate -> applyPolicy -> router -> takeStream -> authorize
 *     -> read the body -> wait for a turn (`request-pacer.ts`) -> resolve the model
 *     -> [ admit -> relay the attempt ] until an engine answered or no other engine may be tried -> record
 *
 * Authentication comes before the policy and the policy before the router, always: a client without a key learns nothing
 * about the policy, and a client that the policy refuses does not learn which paths exist.
 *
 * A step returns a refusal or undefined, and a promise only where it must wait.
 *
 *   refused   `refuse` writes the error. No later step runs.
 *   queued    `admit` waits (`core/security/fair-admission.ts`). Only a client that asked for a stream gets heartbeats.
 *   retried   on the next candidate, if nothing was sent to the client and `mayTryNext` (`attempt.ts`) agrees.
 *   cut       the client left, the key ended, or the proxy stops: the server calls `x.onAbort`, and the relay leaves the
 *             queue or aborts the engine's work. Without a relay, the server refuses the request or cuts the connection.
 *             If the engine breaks, `Relay.#fail` ends the response.
 *   always    the server calls `finish` once, which records once (`request-recorder.ts`; the log has a quota).
 *
 * After each wait the pipeline checks whether the exchange is over. An error that it passes to `failed` ends this request
 * alone: with a 500, or with a closed connection if a relay exists or bytes were sent.
 */
import assert from 'node:assert/strict';
import { type Candidates, candidatesOf } from '../core/engine/directory.ts';
import type { Tracing } from '../core/otlp/request-trace.ts';
import type { KeyView } from '../core/security/api-key.ts';
import type { ConcurrencyLimiter, KeyHoldings } from '../core/security/key-holdings.ts';
import type { TokenBudget } from '../core/security/token-budgets.ts';
import type { TokenCheck } from '../core/security/token-check.ts';
import { aheadOf } from './ask-ahead.ts';
import { type AttemptDeps, admit, mayTryNext, refusalOfDenial, startAttempt } from './attempt.ts';
import { type ReadBody, readBody } from './body/request-body.ts';
import { findClientAddress } from './client-address.ts';
import { preflightFields, readOrigin } from './cors.ts';
import { commonFields, refuse } from './error-response.ts';
import type { AsyncStep, Exchange, Refusal } from './exchange.ts';
import { giveBackShares, takeRequest } from './key-shares.ts';
import { Relay, type RelayDeps } from './relay/relay.ts';
import { RequestPacer } from './request-pacer.ts';
import { beginTrace } from './request-tracing.ts';
import { aloneField, limitFields } from './retry-fields.ts';
import type { EngineCall, FileResponse, OwnResponse, RouteHandler, StreamResponse } from './route-handler.ts';
import { router } from './router.ts';
import type { HandlerName } from './routes.ts';
import { requestFields, writesText } from './upstream-request.ts';

export interface PipelineDeps extends AttemptDeps {
  readonly guard: AsyncStep;
  readonly authenticate: AsyncStep;
  readonly applyPolicy: AsyncStep;
  readonly takeStream: AsyncStep;
  readonly authorize: AsyncStep;
  readonly handlers: Readonly<Record<HandlerName, RouteHandler>>;
  readonly holdings: KeyHoldings;
  readonly concurrency: ConcurrencyLimiter;
  readonly tokens: TokenBudget;
  /** Limits are counted on another machine. */
  readonly remoteLimits: boolean;
  readonly heartbeatMs: number;
  readonly version: string;
  /** Absent: telemetry is off. */
  readonly tracing?: Tracing | undefined;
  /** Writes the access log, the metrics and the usage of one exchange. */
  readonly record: (x: Exchange) => void;
}

export class RequestPipeline {
  readonly #deps: PipelineDeps;
  readonly #steps: readonly AsyncStep[];
  readonly #nowMs: () => number;
  readonly #pacer = new RequestPacer();

  constructor(deps: PipelineDeps) {
    this.#deps = deps;
    const nowMs = (): number => deps.clock.monotonicMs();
    this.#nowMs = nowMs;
    const { guard, authenticate, applyPolicy, takeStream, authorize } = deps;
    this.#steps = [guard, authenticate, applyPolicy, router, takeStream, authorize];
  }

  /** `failed` is called with an error that is a mistake in flm; at most once. */
  run(x: Exchange, failed: (error: unknown) => void): void {
    this.#run(x, failed).catch(failed);
  }

  async #run(x: Exchange, failed: (error: unknown) => void): Promise<void> {
    const { applyPolicy, handlers, concurrency, remoteLimits } = this.#deps;
    findClientAddress(x);
    readOrigin(x);
    // V8 does not optimise the iterator of a loop with `await`.
    for (let i = 0; i < this.#steps.length; i++) {
      const step = this.#steps[i] as AsyncStep;
      const checking = step(x);
      const refusal = checking instanceof Promise ? await checking : checking;
      if (x.over) return;
      if (refusal !== undefined) return refuse(x, refusal);
      if (x.preflight && step === applyPolicy) return respondToPreflight(x);
    }
    assert(x.route !== undefined, 'the router sets the route or refuses');
    const handler = handlers[x.route.handler];

    let body: ReadBody | undefined;
    const plan = handler.bodyPlan?.(x);
    if (plan !== undefined) {
      if ('code' in plan) return refuse(x, plan);
      if (remoteLimits) aheadOf(x);
      const taking = plan.counts ? takeRequest(x, concurrency) : undefined;
      const refusal = taking instanceof Promise ? await taking : taking;
      if (x.over) return;
      if (refusal !== undefined) return refuse(x, refusal);
      const bodyRead = readBody(x, plan);
      body = bodyRead instanceof Promise ? await bodyRead : bodyRead;
      // undefined: readBody has already refused, or the exchange is over
      if (x.over || body === undefined) return;
      const turn = this.#pacer.turnFor(x);
      if (turn !== undefined) {
        await turn;
        if (x.over) return;
      }
    }

    const resolving = handler.resolve(x, body);
    const resolved = resolving instanceof Promise ? await resolving : resolving;
    if (x.over) return;
    if ('code' in resolved) return refuse(x, resolved);
    if ('bytes' in resolved) return sendFile(x, resolved);
    if ('texts' in resolved) return sendTexts(x, resolved);
    if (!('candidates' in resolved)) return respond(x, resolved);

    await this.#forward(x, resolved, failed);
  }

  async #forward(x: Exchange, call: EngineCall, failed: (error: unknown) => void): Promise<void> {
    const { version, tracing } = this.#deps;
    const { request } = call;
    const { key } = x;
    assert(key !== undefined, 'every route to an engine needs a key');
    if (request.generates) {
      const checking = this.#deps.tokens.check(key, x.ahead);
      const checked = checking instanceof Promise ? await checking : checking;
      if (x.over) return;
      const refusal = judgeTokens(x, checked);
      if (refusal !== undefined) return refuse(x, refusal);
    }
    if (tracing !== undefined) beginTrace(x, tracing);
    const fields = requestFields(x, request, version);
    return this.#attempt(x, key, call, call.candidates, fields, failed);
  }

  /**
   * Sends the request to the best of these engines. If that one cannot answer, and the client got nothing yet, tries the
   * others.
   */
  async #attempt(
    x: Exchange,
    key: KeyView,
    call: EngineCall,
    candidates: Candidates,
    fields: string,
    failed: (error: unknown) => void,
  ): Promise<void> {
    const { request } = call;
    const relay = this.#relayFor(x, call, candidates);
    const admitting = admit(x, key, candidates, request.generates, relay, this.#deps);
    const lease = admitting instanceof Promise ? await admitting : admitting;
    // undefined: the exchange ended while it waited; the relay has left the queue
    if (lease === undefined) return;
    if (lease.kind === 'denied') return relay.deny(refusalOfDenial(lease));
    // the exchange ended after the slot was given: give the slot back
    if (relay.over) return lease.release('client-gone');
    if (request.generates) call.home?.moveTo(lease.candidate.engine.ref.id);
    // No promise waits for the result: nearly every request has one attempt.
    startAttempt(x, key, request, fields, lease, relay, this.#deps, ({ tryNext, responseId }) => {
      if (responseId !== undefined) call.stored?.(responseId, lease.candidate.engine.ref.id);
      if (!tryNext) return;
      const others = candidatesOf(candidates.all.filter((candidate) => candidate !== lease.candidate));
      // Later, because the relay that ends here is still running.
      queueMicrotask(() => {
        if (!x.over) this.#attempt(x, key, call, others, fields, failed).catch(failed);
      });
    });
  }

  /** Called once by the server when the exchange is over, for any reason. The only place that records. */
  finish(x: Exchange): void {
    x.over = true;
    x.onAbort = undefined;
    x.onTick = undefined;
    x.onFinish?.();
    // The tokens are recorded first: a process that no longer counts for this request knows all of its tokens.
    try {
      this.#deps.record(x);
    } finally {
      x.ahead?.end();
      giveBackShares(x, this.#deps.holdings, this.#deps.concurrency);
    }
  }

  /** Sends heartbeats to a waiting stream, and relays the response. */
  #relayFor(x: Exchange, { request, stored }: EngineCall, candidates: Candidates): Relay {
    const { limits, heartbeatMs } = this.#deps;
    const mayTryOther: RelayDeps['mayTryNext'] = (end, status) =>
      mayTryNext(end, status) && !request.bound && candidates.all.length > 1;
    return new Relay({
      x,
      route: request.route,
      streamed: request.streamed,
      charged: request.generates,
      writesText: writesText(request),
      usageAdded: request.usageAdded === true,
      stores: stored !== undefined,
      nowMs: this.#nowMs,
      commitAfterMs: limits.commitAfterMs,
      heartbeatMs,
      mayTryNext: mayTryOther,
    });
  }
}

/** The balance of tokens must be positive before an engine works. `finish` charges what the request used. */
function judgeTokens(x: Exchange, { reading: balance, denial, alone }: TokenCheck): Refusal | undefined {
  if (balance !== undefined) x.rate += limitFields('tokens', balance);
  if (alone === true && !x.rate.includes(aloneField)) x.rate += aloneField;
  return denial === undefined ? undefined : refusalOfDenial(denial);
}

function respond(x: Exchange, { status, contentType, body, fields = '' }: OwnResponse): void {
  x.conclude({ ending: 'done', status });
  x.reply.sendWhole(status, `content-type: ${contentType}\r\n${commonFields(x)}${fields}`, body, false);
}

/** Sent in pieces, so that a client that does not read makes flm hold one piece. */
const pieceBytes = 16_384;

function sendFile(x: Exchange, { status, bytes, fields }: FileResponse): void {
  const { reply } = x;
  x.conclude({ ending: 'done', status });
  reply.head({
    status,
    fields: commonFields(x) + fields,
    // A 304 announces no length.
    contentLength: status === 304 ? undefined : bytes.length,
  });
  if (x.head.method === 'HEAD') return reply.end();
  let at = 0;
  const send = (): void => {
    while (at < bytes.length) {
      const from = at;
      at = Math.min(at + pieceBytes, bytes.length);
      if (!reply.write(bytes, from, at) && at < bytes.length) return;
    }
    reply.end();
  };
  reply.onDrain(send);
  send();
}

/** Waits for the client before it takes the next text. The signal of the call ends the texts when the exchange is over. */
async function sendTexts(x: Exchange, { status, texts, fields }: StreamResponse): Promise<void> {
  const { reply } = x;
  const { onFinish } = x;
  let wake = (): void => {};
  const finish = (): void => {
    onFinish?.();
    wake();
  };
  x.onFinish = finish;
  x.conclude({ ending: 'done', status });
  reply.head({ status, fields: commonFields(x) + fields, contentLength: undefined });
  reply.flush();
  if (x.head.method !== 'HEAD') {
    for await (const text of texts) {
      if (x.over) return;
      if (reply.writeText(text)) continue;
      await new Promise<void>((resolve) => {
        wake = resolve;
        reply.onDrain(resolve);
      });
    }
  }
  reply.end();
}

function respondToPreflight(x: Exchange): void {
  x.conclude({ ending: 'done', status: 204 });
  x.reply.sendWhole(204, commonFields(x) + preflightFields(x), '', false);
}
