/** The question of one request to the server, as the script `ask` reads it, and the parts of its reply. */
import { type BucketAsk, leftIn, type Verdict } from '../core/security/rate-limiter.ts';
import type { BudgetedKey } from '../core/security/token-budgets.ts';
import type { Argument, Reply } from './server-link.ts';
import type { SpentToday } from './spent-today.ts';

export interface Question {
  readonly rates: readonly BucketAsk[];
  readonly counted: { readonly id: string; readonly family: string; readonly limit: number } | undefined;
  readonly budget: BudgetedKey | undefined;
  /** Of one of these engines a slot is taken, if one is free. */
  readonly engines: readonly string[];
}

export interface QuestionReply {
  readonly verdict: Verdict;
  /** For each rate, the time until its bucket is full again, in ms. */
  readonly aheads: readonly number[];
  /** Undefined if a rate was refused, because nothing else is taken then. */
  readonly rest: RestOfReply | undefined;
}

export interface RestOfReply {
  /** The request counts as one of its key. */
  readonly taken: boolean;
  /** The balance of tokens a minute; undefined if the key has no such limit. */
  readonly minute: number | undefined;
  /** The tokens of the day; undefined if the key has no such limit. */
  readonly day: number | undefined;
  /** See `FleetSlots.answered`. */
  readonly slots: Reply;
}

/** The first part of the arguments; those of the slots follow. `day` is the day of `spent`. */
export function questionArguments(
  { rates, counted, budget }: Question,
  spent: SpentToday,
  day: number,
): Argument[] {
  const args: Argument[] = [rates.length];
  for (const { bucket, perMinute, burst } of rates) args.push(bucket, perMinute, burst);
  args.push(counted?.family ?? '', counted?.limit ?? 0);
  if (budget === undefined) args.push('', 0, '', 0);
  else {
    const { tokensPerMinute, tokensPerDay } = budget.limits;
    const known = tokensPerDay === null ? 0 : spent.today(budget.familyId);
    args.push(budget.familyId, tokensPerMinute ?? 0, tokensPerDay === null ? '' : day, known);
  }
  return args;
}

export function readReply(rates: readonly BucketAsk[], reply: Reply): QuestionReply {
  const aheads = reply.slice(3, 3 + rates.length).map(Number);
  const at = Number(reply[1]) - 1;
  const slowest = rates[at];
  if (slowest !== undefined) {
    const [retryAfterMs, resetMs] = [Number(reply[2]), aheads[at] ?? 0];
    return { verdict: { granted: false, ask: slowest, retryAfterMs, resetMs }, aheads, rest: undefined };
  }
  const [taken, minute, day, ...slots] = reply.slice(3 + rates.length);
  const rest = { taken: taken === 1, minute: numberOf(minute), day: numberOf(day), slots };
  return { verdict: tightestOf(rates, aheads), aheads, rest };
}

function numberOf(value: Reply[number] | undefined): number | undefined {
  return value === undefined || value === null || value === '' ? undefined : Number(value);
}

function tightestOf(rates: readonly BucketAsk[], aheads: readonly number[]): Verdict {
  let tightest: BucketAsk | undefined;
  let remaining = Number.POSITIVE_INFINITY;
  let resetMs = 0;
  rates.forEach((ask, i) => {
    const ahead = aheads[i] ?? 0;
    const left = leftIn(ask, ahead);
    if (left >= remaining) return;
    tightest = ask;
    remaining = left;
    resetMs = ahead;
  });
  return { granted: true, tightest, remaining, resetMs };
}
