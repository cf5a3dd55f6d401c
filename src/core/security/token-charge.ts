/**
 * Decides how many tokens a request is charged, for budgets and for `flm usage`: by the count of the engine, or by an
 * estimate if a client could otherwise get tokens for free.
 *
 *   none    nothing reached an engine, the engine answered with an error, or nothing was generated    0
 *   told    the engine broke, timed out or sent an error in its stream, or flm stopped                its count
 *   final   the response is complete                                                                  its count, or the estimate
 *   early   the client ended the request                                                              the larger of both
 *
 * An engine may report zeros, or only the prompt, until its last event: a count is final only with the whole response,
 * and a count of zero is ignored.
 */
export type ChargeRule = 'none' | 'told' | 'final' | 'early';

/** Facts about a request when it is over. */
export interface TokenFacts {
  readonly rule: ChargeRule;
  readonly toldInput: number | undefined;
  readonly toldOutput: number | undefined;
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
  const { rule, toldInput = 0, toldOutput = 0, contextLength = Number.POSITIVE_INFINITY } = facts;
  if (rule === 'none') return { inputTokens: 0, outputTokens: 0, estimated: false };
  let inputTokens = toldInput;
  let outputTokens = toldOutput;
  if (mayEstimate(rule, toldInput)) {
    const estimate = Math.ceil(facts.textBytesIn / bytesPerToken);
    inputTokens = Math.max(toldInput, Math.min(estimate, contextLength));
  }
  if (mayEstimate(rule, toldOutput)) {
    // Prompt and response share a context.
    const room = Math.max(0, contextLength - inputTokens) * facts.choices;
    outputTokens = Math.max(toldOutput, Math.min(Math.ceil(facts.tokenEstimator?.tokens ?? 0), room));
  }
  return {
    inputTokens,
    outputTokens,
    estimated: inputTokens > toldInput || outputTokens > toldOutput,
  };
}

function mayEstimate(rule: ChargeRule, told: number): boolean {
  return rule === 'early' || (rule === 'final' && told === 0);
}
