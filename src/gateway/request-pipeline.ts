/**
 * What happens to a request, from top to bottom:
 *
 *   guard -> authenticate -> applyPolicy -> router -> takeStream -> authorize
 *     -> read the body -> resolve the model -> [ admit -> relay the attempt ] until one engine answered -> record
 *
 * Authentication comes before the policy and the policy before the router, always: a client without a key learns nothing
 * about the policy, and a client that the policy refuses does not learn which paths exist.
 *
 * A step returns a refusal or undefined, and a promise only where it must wait. While it waits, the client may leave, the
 * key may be revoked, or the proxy may stop. The server then ends the exchange and calls `finish`, the stage that waits
 * releases what it holds, and `run` returns. An error that `run` throws ends this request alone, with a 500.
 */
import assert from 'node:assert/strict';
import type { ConcurrencyLimiter, KeyHoldings } from '../core/security/key-holdings.ts';
import type { TokenBudget, TokenCheck } from '../core/security/token-budgets.ts';
import { type AttemptDeps, admit, mayTryNext, refusalOfDenial, startAttempt } from './attempt.ts';
import { type ReadBody, readBody } from './body/request-body.ts';
import { findClientAddress } from './client-address.ts';
import { preflightFields, readOrigin } from './cors.ts';
import { commonFields, refuse } from './error-response.ts';
import type { AsyncStep, Exchange, Refusal } from './exchange.ts';
import { giveBackShares, takeRequest } from './key-shares.ts';
import { type AttemptResult, Relay } from './relay/relay.ts';
import { limitFields } from './retry-fields.ts';
import type { EngineCall, OwnResponse, RouteHandler } from './route-handler.ts';
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
  readonly heartbeatMs: number;
  readonly version: string;
  /** Writes the access log, the metrics and the usage of one exchange. */
  readonly record: (x: Exchange) => void;
}

export class RequestPipeline {
  readonly #deps: PipelineDeps;
  readonly #steps: readonly AsyncStep[];

  constructor(deps: PipelineDeps) {
    this.#deps = deps;
    const { guard, authenticate, applyPolicy, takeStream, authorize } = deps;
    this.#steps = [guard, authenticate, applyPolicy, router, takeStream, authorize];
  }

  async run(x: Exchange): Promise<void> {
    const { applyPolicy, handlers, concurrency } = this.#deps;
    findClientAddress(x);
    readOrigin(x);
    for (const step of this.#steps) {
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
      const taking = plan.counts ? takeRequest(x, concurrency) : undefined;
      const refusal = taking instanceof Promise ? await taking : taking;
      if (x.over) return;
      if (refusal !== undefined) return refuse(x, refusal);
      const reading = readBody(x, plan);
      body = reading instanceof Promise ? await reading : reading;
      if (x.over || body === undefined) return;
    }

    const resolving = handler.resolve(x, body);
    const resolved = resolving instanceof Promise ? await resolving : resolving;
    if (x.over) return;
    if ('code' in resolved) return refuse(x, resolved);
    if (!('candidates' in resolved)) return respond(x, resolved);

    await this.#forward(x, resolved);
  }

  /** Tries one engine after another until one has answered, or until no other engine may be tried. */
  async #forward(x: Exchange, call: EngineCall): Promise<void> {
    const { version } = this.#deps;
    const { request } = call;
    const { key } = x;
    assert(key !== undefined, 'every route to an engine needs a key');
    if (request.generates) {
      const checking = this.#deps.tokens.check(key);
      const checked = checking instanceof Promise ? await checking : checking;
      if (x.over) return;
      const refusal = judgeTokens(x, checked);
      if (refusal !== undefined) return refuse(x, refusal);
    }
    const fields = requestFields(x, request, version);

    for (let { candidates } = call; ; ) {
      const hasNext = candidates.length > 1 && !request.bound;
      const relay = this.#relayFor(x, call, hasNext);
      const admitting = admit(x, key, candidates, request.generates, relay, this.#deps);
      const lease = admitting instanceof Promise ? await admitting : admitting;
      if (lease === undefined) return;
      if (lease.kind === 'denied') return relay.deny(refusalOfDenial(lease));
      if (relay.over) return lease.release('client-gone');

      // Nothing follows the last attempt, so nothing waits for its result: a promise costs more than some of the steps.
      if (!hasNext) return startAttempt(x, key, request, fields, lease, relay, this.#deps);
      const result = await new Promise<AttemptResult>((resolve) =>
        startAttempt(x, key, request, fields, lease, relay, this.#deps, resolve),
      );
      if (!result.tryNext || x.over) return;
      candidates = candidates.filter((candidate) => candidate !== lease.candidate);
    }
  }

  /** Called once by the server when the exchange is over, for any reason. */
  finish(x: Exchange): void {
    x.over = true;
    x.onBreak = undefined;
    x.onTick = undefined;
    x.onOver?.();
    giveBackShares(x, this.#deps.holdings, this.#deps.concurrency);
    this.#deps.record(x);
  }

  /** Keeps the client informed while the request waits for a slot, and relays the response. */
  #relayFor(x: Exchange, { request }: EngineCall, hasNext: boolean): Relay {
    const { clock, limits, heartbeatMs } = this.#deps;
    return new Relay({
      x,
      route: request.route,
      streamed: request.streamed,
      charged: request.generates,
      writesText: writesText(request),
      usageAdded: request.usageAdded === true,
      nowMs: () => clock.monotonicMs(),
      commitAfterMs: limits.commitAfterMs,
      heartbeatMs,
      mayTryNext: hasNext ? mayTryNext : never,
    });
  }
}

/** The balance of tokens must be positive before an engine works. `finish` charges what the request used. */
function judgeTokens(x: Exchange, { reading, denial }: TokenCheck): Refusal | undefined {
  if (reading !== undefined) x.rate = [...(x.rate ?? []), ...limitFields('tokens', reading)];
  return denial === undefined ? undefined : refusalOfDenial(denial);
}

const never = (): boolean => false;

function respond(x: Exchange, { status, contentType, body, fields = [] }: OwnResponse): void {
  x.conclude({ ending: 'done', status });
  x.reply.whole(status, ['content-type', contentType, ...commonFields(x), ...fields], body, false);
}

function respondToPreflight(x: Exchange): void {
  x.conclude({ ending: 'done', status: 204 });
  x.reply.whole(204, [...commonFields(x), ...preflightFields(x)], '', false);
}
