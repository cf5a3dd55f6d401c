/**
 * The last step: passes what happened to the access log, the metrics and the usage ledger, after the response is over.
 * Prompts, responses and keys are not part of it.
 */
import type { Clock } from '../core/clock.ts';
import type { ErrorCode, ErrorParams } from '../core/errors.ts';
import type { Tracing } from '../core/otlp/request-trace.ts';
import type { RequestLine } from '../core/proxy/proxy-handle.ts';
import type { ClientAddress } from '../core/security/address-rules.ts';
import type { TokenBudget } from '../core/security/token-budgets.ts';
import { chargeOf } from '../core/security/token-charge.ts';
import type { Exchange } from './exchange.ts';
import { endTrace } from './request-tracing.ts';

/** Receives the records. Log, metrics, ledger and tail implement it in `app/`. */
export interface RequestRecorder {
  /** `params`: the parameters of the error text of a refusal. */
  request(line: RequestLine, client: ClientAddress, params: ErrorParams | undefined): void;
  /** Bytes that are not a valid request. Only `reason` of `params` is logged. */
  malformed(client: ClientAddress, id: string, code: ErrorCode, params: ErrorParams): void;
  /** `throttled`: the address sends failed logins too fast. */
  loginRefused(client: string, throttled: boolean): void;
}

export function makeRecordStep(
  recorder: RequestRecorder,
  clock: Clock,
  tokens: TokenBudget,
  tracing?: Tracing,
): (x: Exchange) => void {
  return (x) => {
    const line = lineOf(x, clock);
    if (x.key !== undefined) tokens.settle(x.key, line.chargedInputTokens + line.chargedOutputTokens);
    recorder.request(line, x.client, x.outcome.params);
    if (tracing !== undefined) endTrace(x, line, tracing, clock);
  };
}

function lineOf(x: Exchange, clock: Clock): RequestLine {
  const { outcome, reply } = x;
  const charge = chargeOf({
    rule: outcome.charge,
    reportedInput: outcome.inputTokens,
    reportedOutput: outcome.outputTokens,
    textBytesIn: outcome.textBytesIn,
    tokenEstimator: outcome.tokenEstimator,
    contextLength: outcome.contextLength,
    choices: outcome.choices,
  });
  const nowMs = clock.monotonicMs();
  return {
    id: x.id,
    atMs: clock.nowMs(),
    client: x.client.text,
    method: x.head.method,
    path: x.path.length > 200 ? `${x.path.slice(0, 197)}...` : x.path,
    status: outcome.status,
    keyId: x.key?.id ?? null,
    keyLabel: x.key?.label ?? null,
    engine: outcome.engine ?? null,
    model: outcome.model ?? null,
    bytesIn: outcome.bytesIn,
    bytesOut: reply.bytesOut,
    firstByteMs: reply.firstByteAtMs === 0 ? null : round(reply.firstByteAtMs - x.startedAtMs),
    queuedMs: outcome.queuedMs === undefined ? null : round(outcome.queuedMs),
    durationMs: round(nowMs - x.startedAtMs),
    inputTokens: outcome.inputTokens ?? null,
    outputTokens: outcome.outputTokens ?? null,
    cachedTokens: outcome.cache?.cachedTokens ?? null,
    promptTokens: outcome.cache?.promptTokens ?? null,
    chargedInputTokens: charge.inputTokens,
    chargedOutputTokens: charge.outputTokens,
    tokensEstimated: charge.estimated,
    streamed: outcome.streamed,
    ending: outcome.ending,
    code: outcome.code ?? null,
    rule: outcome.rule ?? null,
    droppedCredentials: outcome.droppedCredentials ?? null,
  };
}

/** Rounds to a hundredth of a millisecond. */
function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
