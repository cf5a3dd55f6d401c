/**
 * Decides how many tokens a request is charged, for budgets and for `flm usage`: by the count of the engine, or by an
 * estimate if a client could otherwise get tokens for free.
 *
 *   none      nothing reached an engine, the engine answered with an error, or nothing was generated  0
 *   reported  the engine broke, timed out or sent an error in its stream, or flm stopped              its count
 *   final     the response is complete                                                                its count, or the estimate
 *   early     the client ended the request, or an administrator cancelled its response                the larger of both
 *
 * An engine may report zeros, or only the prompt, until its last event: a count is final only with the whole response,
 * and a count of zero is ignored.
 */
export type ChargeRule = 'none' | 'reported' | 'final' | 'early';

/** Facts about a request when it is over. */
export interface TokenFacts {
  readonly rule: ChargeRule;
  readonly reportedInput: number | undefined;
  readonly reportedOutput: number | undefined;
  /** Bytes of the prompt, without images and other data. */
  readonly textBytesIn: number;
  /**
   * Estimates the tokens of the response so far; undefined if the response holds no text. Read only if an estimate is
   * needed.
   */
  readonly tokenEstimator: { readonly tokens: number } | undefined;
  /** The context size of the model, if the engine reports it. */
  readonly contextLength: number | undefined;
  /** Responses requested at once (`n`); each may fill a context. */
  readonly choices: number;
}

export interface TokenCharge {
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** At least one of the two counts is flm's estimate. */
  readonly estimated: boolean;
}

/** English prose has about four bytes per token; the JSON around it compensates for denser text. */
export const bytesPerToken = 4;

export function chargeOf(facts: TokenFacts): TokenCharge {
  const { rule, reportedInput = 0, reportedOutput = 0, contextLength = Number.POSITIVE_INFINITY } = facts;
  if (rule === 'none') return { inputTokens: 0, outputTokens: 0, estimated: false };
  let inputTokens = reportedInput;
  let outputTokens = reportedOutput;
  if (mayEstimate(rule, reportedInput)) {
    const estimate = Math.ceil(facts.textBytesIn / bytesPerToken);
    inputTokens = Math.max(reportedInput, Math.min(estimate, contextLength));
  }
  if (mayEstimate(rule, reportedOutput)) {
    // Prompt and response share a context.
    const room = Math.max(0, contextLength - inputTokens) * facts.choices;
    outputTokens = Math.max(reportedOutput, Math.min(Math.ceil(facts.tokenEstimator?.tokens ?? 0), room));
  }
  return {
    inputTokens,
    outputTokens,
    estimated: inputTokens > reportedInput || outputTokens > reportedOutput,
  };
}

function mayEstimate(rule: ChargeRule, reported: number): boolean {
  return rule === 'early' || (rule === 'final' && reported === 0);
}
