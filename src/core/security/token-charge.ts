/**
 * Decides how many tokens a request is charged, for budgets and for `flm usage`: by what the engine told, and by an
 * estimate where a client could otherwise get tokens for nothing.
 *
 *   none    nothing reached an engine, the engine answered with an error, or nothing was generated    0
 *   told    the engine broke, timed out or told an error in its stream, or flm stopped                what it told
 *   final   the answer is whole                                                                       what it told, else the estimate
 *   early   the client ended the request                                                              the larger of both
 *
 * An engine may tell zeros, or its prompt alone, until its last event: a count is final with the whole answer only, and
 * a count of zero is no count.
 */
export type ChargeRule = 'none' | 'told' | 'final' | 'early';

/** Facts about a request when it is over. */
export interface TokenFacts {
  readonly rule: ChargeRule;
  readonly toldInput: number | undefined;
  readonly toldOutput: number | undefined;
  /** Bytes of the prompt, without images and other data. */
  readonly textBytesIn: number;
  /** The answer as far as it came; undefined where it holds no text. Asked only where an estimate is needed. */
  readonly tokenEstimator: { readonly tokens: number } | undefined;
  /** The context size of the model, if the engine reports it. */
  readonly contextLength: number | undefined;
  /** Responses requested at once (`n`); each may fill a context. */
  readonly choices: number;
}

export interface TokenCharge {
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** At least one of both is flm's estimate. */
  readonly estimated: boolean;
}

/** English prose has about four bytes a token; the JSON around it makes up for denser text. */
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
    // Prompt and answer share a context.
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
