/**
 * Explains for `flm policy check` what would happen to a request and which rule decides. Calls the functions that
 * decide real requests, in the order of the request pipeline.
 */

import { z } from 'zod';
import type { RouteId, Scope } from '../engine/routes.ts';
import { errorTable } from '../errors.ts';
import { rule } from '../rules.ts';
import { type Denial, denyAddress, denyAdmin, denyOrigin, denyRoute, denyScope } from './access.ts';
import type { ClientAddress } from './address-rules.ts';
import type { KeyView } from './api-key.ts';
import type { CompiledPolicy } from './snapshot.ts';

export interface PolicyQuestion {
  readonly policy: CompiledPolicy;
  readonly client: ClientAddress;
  /** Undefined: only the rules for all keys are checked. */
  readonly key: KeyView | undefined;
  readonly origin: string | undefined;
  readonly route: RouteId;
  readonly scope: Scope;
  readonly model: string | undefined;
  readonly nowMs: number;
}

export interface PolicyStep {
  readonly step: 'auth' | 'address' | 'origin' | 'route' | 'model';
  /** Undefined if the step allows the request. */
  readonly denial: Denial | undefined;
}

export interface PolicyAnswer {
  readonly allowed: boolean;
  /** No key was named: rules of keys were not checked, and a request without a key gets 401. */
  readonly keyless: boolean;
  /** The checked steps, in order. If the request is refused, the last one refused it. */
  readonly steps: readonly PolicyStep[];
  /** The error that the client would get; undefined if the request is allowed. */
  readonly status: number | undefined;
}

/** The answer as the command line (`--json`) and the admin API show it. */
export const policyAnswerSchema = z
  .strictObject({
    decision: z.enum(['allowed', 'refused']),
    status: z.int().nullable().describe('The HTTP status that the client would get.'),
    code: z.string().nullable(),
    step: z.string().nullable().describe('The step that refuses the request.'),
    rule: z.string().nullable().describe('The rule that decides.'),
    passed: z.array(z.string()).readonly().describe('The steps before, in order.'),
  })
  .meta({ id: 'PolicyAnswer' });

export function policyAnswerDocument({
  allowed,
  status,
  steps,
}: PolicyAnswer): z.input<typeof policyAnswerSchema> {
  const last = steps.at(-1);
  return {
    decision: allowed ? 'allowed' : 'refused',
    status: status ?? null,
    code: last?.denial?.code ?? null,
    step: allowed ? null : (last?.step ?? null),
    rule: last?.denial?.rule ?? null,
    passed: steps.filter((s) => s.denial === undefined).map((s) => s.step),
  };
}

export function checkPolicy(q: PolicyQuestion): PolicyAnswer {
  const { key } = q;
  const questions: readonly (readonly [PolicyStep['step'], () => Denial | undefined])[] = [
    ...(key === undefined ? [] : [['auth', () => denyKey(key, q.nowMs)] as const]),
    ['address', () => denyAddress(q.policy, key, q.client)],
    ['origin', () => denyOrigin(q.policy, q.origin)],
    ...(key === undefined
      ? []
      : ([
          ['route', () => denyCall(key, q.route, q.scope)],
          ['model', () => denyModel(key, q.model)],
        ] as const)),
  ];
  const steps: PolicyStep[] = [];
  for (const [step, ask] of questions) {
    const denial = ask();
    steps.push({ step, denial });
    if (denial !== undefined)
      return { allowed: false, keyless: key === undefined, steps, status: errorTable[denial.code].status };
  }
  return { allowed: true, keyless: key === undefined, steps, status: undefined };
}

/** Routes that flm answers itself are in no endpoint list; some of them are for every key. */
function denyCall(key: KeyView, route: RouteId, scope: Scope): Denial | undefined {
  switch (route) {
    case 'root':
    case 'health':
    case 'ready':
    case 'me':
    case 'share.redeem':
    case 'files':
      return undefined;
    case 'metrics':
      return denyScope(key, route, scope);
    case 'admin':
      return denyAdmin(key);
    default:
      return denyRoute(key, route, scope);
  }
}

function denyKey(key: KeyView, nowMs: number): Denial | undefined {
  if (key.revoked) return { code: 'AUTH_REVOKED', params: {}, rule: rule('key', { key: key.id }) };
  if (key.expiresAtMs <= nowMs)
    return { code: 'AUTH_EXPIRED', params: {}, rule: rule('key', { key: key.id }) };
  if (key.paused) return { code: 'AUTH_PAUSED', params: { key: key.id }, rule: rule('key', { key: key.id }) };
  return undefined;
}

/**
 * Checks only the name: only a running proxy knows whether an engine has the model. The reply does not reveal whether a
 * forbidden model exists.
 */
function denyModel(key: KeyView, model: string | undefined): Denial | undefined {
  if (model === undefined || key.mayUseModel(model)) return undefined;
  return { code: 'MODEL_UNKNOWN', params: { model }, rule: rule('key-models', { key: key.id }) };
}
