/**
 * Reads the token usage that an engine reports in the events of a stream, or in a whole JSON response. Some engines
 * spread the counts over several events, so the counts of one stream are kept together.
 *
 * Engines report the tokens that they took from a prompt cache inside of the usage (`prompt_tokens_details`,
 * `input_tokens_details`, `cache_read_input_tokens`), and llama.cpp also in `timings` of the last chunk.
 */
import type { CacheUse } from '../../core/usage/cache-use.ts';
import { BackwardJsonReader } from './backward-json-reader.ts';

export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Absent if the engine reports nothing about its prompt cache. */
  readonly cache?: CacheUse;
}

/** Searched without the opening quote: a search for a byte that is frequent in JSON is four times slower. */
export const usageMark = 'usage"';
const evalCountMark = 'eval_count"';

const names = {
  usage: Buffer.from('usage'),
  promptTokens: Buffer.from('prompt_tokens'),
  inputTokens: Buffer.from('input_tokens'),
  completionTokens: Buffer.from('completion_tokens'),
  outputTokens: Buffer.from('output_tokens'),
  total: Buffer.from('total_tokens'),
  promptEval: Buffer.from('prompt_eval_count'),
  evalCount: Buffer.from('eval_count'),
  cached: Buffer.from('cached_tokens'),
  promptDetails: Buffer.from('prompt_tokens_details'),
  inputDetails: Buffer.from('input_tokens_details'),
  cacheRead: Buffer.from('cache_read_input_tokens'),
  cacheCreation: Buffer.from('cache_creation_input_tokens'),
  timings: Buffer.from('timings'),
  cacheN: Buffer.from('cache_n'),
  promptN: Buffer.from('prompt_n'),
} as const;

const openBrace = 0x7b;

/** Stands for a count that was not reported. Smaller than each count, so that the larger of two is the reported one. */
const none = -1;
/** A walk looks at members down to this depth: usage at depth 2, its details at depth 4. */
const depths = 5;

/**
 * Sums of the object that is being walked, which is one level below its name; the index is the depth of the name.
 * `besides`: tokens of the prompt that Anthropic's dialect does not add to the input. One walk is over before the next
 * begins, so all walks share these.
 */
const inputs = new Float64Array(depths);
const outputs = new Float64Array(depths);
const totals = new Float64Array(depths);
const cached = new Float64Array(depths);
const besides = new Float64Array(depths);

function clearSums(depth: number): void {
  inputs[depth] = outputs[depth] = totals[depth] = cached[depth] = besides[depth] = none;
}

function raise(sums: Float64Array, depth: number, count: number): void {
  sums[depth] = Math.max(sums[depth] as number, count);
}

function addBesides(depth: number, count: number): void {
  besides[depth] = Math.max(0, besides[depth] as number) + Math.max(0, count);
}

export class TokenCounts {
  readonly #tail: BackwardJsonReader;
  #input = none;
  #output = none;
  #cached = none;
  /** The prompt of which `#cached` is a part. */
  #prompt = none;
  /** Counts of the timings that are being walked. */
  #cacheN = none;
  #promptN = none;

  /** `tail` is shared with the caller: `readTimings` reads the member that the caller's walk has reached. */
  constructor(tail: BackwardJsonReader) {
    this.#tail = tail;
  }

  get usage(): Usage | undefined {
    if (this.#input === none && this.#output === none) return undefined;
    const inputTokens = Math.max(0, this.#input);
    const outputTokens = Math.max(0, this.#output);
    const { cache } = this;
    return cache === undefined ? { inputTokens, outputTokens } : { inputTokens, outputTokens, cache };
  }

  get cache(): CacheUse | undefined {
    if (this.#cached === none) return undefined;
    return { cachedTokens: this.#cached, promptTokens: Math.max(this.#cached, this.#prompt) };
  }

  /** Reads the current member of the walk, if it belongs to the timings of llama.cpp: `prompt_n` does not count `cache_n`. */
  readTimings(): void {
    const tail = this.#tail;
    if (tail.depth === 2) {
      if (tail.isNamed(names.cacheN)) this.#cacheN = tail.count ?? none;
      else if (tail.isNamed(names.promptN)) this.#promptN = tail.count ?? none;
    } else if (tail.depth === 1) {
      if (this.#cacheN !== none && tail.isNamed(names.timings))
        this.#addCache(this.#cacheN, this.#cacheN + Math.max(0, this.#promptN));
      this.#cacheN = this.#promptN = none;
    }
  }

  /**
   * Finds `usage` at most this deep, or Ollama's counts at the top, in JSON that ends at `to`. Running counts only
   * grow: zeros in an early event must not hide a later value, and zeros in a later event must not hide an early value.
   */
  read(text: Buffer, from: number, to: number, maxDepth: 1 | 2): void {
    const tail = this.#tail;
    tail.begin(text, from, to);
    for (let depth = 0; depth < depths; depth++) clearSums(depth);
    let details = none;
    let detailsDepth = 0;
    this.#cacheN = this.#promptN = none;
    while (tail.previous()) {
      const { depth } = tail;
      if (depth > maxDepth + 2) continue;
      if (tail.isNamed(names.cached)) {
        details = tail.count ?? none;
        detailsDepth = depth;
      }
      if (depth > maxDepth + 1) continue;
      if (depth <= maxDepth && tail.isNamed(names.usage) && tail.valueByte === openBrace)
        return this.#takeUsage(depth);
      this.readTimings();
      if (depth === 1) {
        if (tail.isNamed(names.promptEval)) this.#input = Math.max(this.#input, tail.count ?? none);
        else if (tail.isNamed(names.evalCount)) this.#output = Math.max(this.#output, tail.count ?? none);
      }
      // The members below this one were not usage.
      clearSums(depth);
      clearSums(depth + 1);
      if (depth === 1) continue;
      const count = tail.count ?? none;
      if (tail.isNamed(names.promptTokens) || tail.isNamed(names.inputTokens))
        raise(inputs, depth - 1, count);
      else if (tail.isNamed(names.completionTokens) || tail.isNamed(names.outputTokens))
        raise(outputs, depth - 1, count);
      else if (tail.isNamed(names.total)) raise(totals, depth - 1, count);
      else if (tail.isNamed(names.promptDetails) || tail.isNamed(names.inputDetails))
        cached[depth - 1] = details;
      else if (tail.isNamed(names.cacheRead)) {
        cached[depth - 1] = count;
        addBesides(depth - 1, count);
      } else if (tail.isNamed(names.cacheCreation)) addBesides(depth - 1, count);
      // `cached_tokens` counts only directly inside of such an object.
      if (depth < detailsDepth) details = none;
    }
  }

  /** The walk has reached the name of the usage, at this depth. */
  #takeUsage(depth: number): void {
    const input = inputs[depth] as number;
    const output = outputs[depth] as number;
    // Rerankers report the total alone.
    const counted = input !== none || output !== none;
    this.#input = Math.max(this.#input, counted ? input : (totals[depth] as number));
    this.#output = Math.max(this.#output, output);
    const hits = cached[depth] as number;
    if (hits !== none) this.#addCache(hits, Math.max(0, input) + Math.max(0, besides[depth] as number));
  }

  #addCache(hits: number, prompt: number): void {
    this.#cached = Math.max(this.#cached, hits);
    this.#prompt = Math.max(this.#prompt, prompt);
  }
}

/** To walk a smaller response costs less than to search it first. */
const searchedBytes = 1024;

/** Returns the usage of a whole JSON response in [from, to), from all of it or from its end. */
export function bodyUsage(body: Buffer, from = 0, to = body.length): Usage | undefined {
  if (to - from > searchedBytes) {
    const text = body.subarray(from, to);
    if (!text.includes(usageMark) && !text.includes(evalCountMark)) return undefined;
  }
  const counts = new TokenCounts(new BackwardJsonReader());
  counts.read(body, from, to, 1);
  return counts.usage;
}
