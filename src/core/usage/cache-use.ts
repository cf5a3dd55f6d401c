/** How much of a prompt an engine took from its prompt cache. */
export interface CacheUse {
  readonly cachedTokens: number;
  /** All tokens of the prompt, cached ones included. */
  readonly promptTokens: number;
}
