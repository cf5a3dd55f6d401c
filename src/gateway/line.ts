/**
 * The straight line that every request walks, top to bottom:
 *
 *   guard -> auth -> policy -> router -> take-share -> handler -> upstream -> relay -> account
 *
 * Auth before policy before router, always: a stranger learns nothing of the policy, and nobody who is not let in
 * learns which paths there are. Who the client is and which origin speaks are facts, not decisions, and come first.
 */
import { findClient } from './client-address.ts';
import { preflightFields, readOrigin } from './cors.ts';
import type { Exchange, Step } from './exchange.ts';
import { commonFields, refuse } from './refuse.ts';
import { router } from './router.ts';
import type { HandlerName } from './routes.ts';

export type Handler = (x: Exchange) => void;

export interface LineParts {
  readonly guard: Step;
  readonly auth: Step;
  readonly policy: Step;
  readonly takeStream: Step;
  readonly handlers: Readonly<Record<HandlerName, Handler>>;
}

export function makeLine(parts: LineParts): (x: Exchange) => void {
  const steps: readonly Step[] = [parts.guard, parts.auth, parts.policy, router, parts.takeStream];
  return (x) => {
    findClient(x);
    readOrigin(x);
    for (const step of steps) {
      const refusal = step(x);
      if (refusal !== undefined) return refuse(x, refusal);
      if (x.preflight && step === parts.policy) return answerPreflight(x);
    }
    // The router filled it, or refused.
    const route = x.route;
    if (route !== undefined) parts.handlers[route.handler](x);
  };
}

function answerPreflight(x: Exchange): void {
  x.outcome.status = 204;
  x.reply.whole(204, [...commonFields(x), ...preflightFields(x)], '', false);
}
