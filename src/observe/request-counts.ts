/**
 * Counts requests by status, ending and engine, and tokens by engine, model and direction. A request that repeats the
 * labels of an earlier one only adds to a number: no text is joined and no object created.
 *
 * Label values come from configuration and the catalogue, never from a client, so their number is bounded.
 */
import { type Ending, endings, type RequestLine } from '../core/proxy/proxy-handle.ts';

export interface Tally {
  readonly labels: Readonly<Record<string, string>>;
  value: number;
}

interface ModelTokens {
  input: Tally | undefined;
  output: Tally | undefined;
}

/** The counts of one engine, or of requests that reached none. */
interface EngineCounts {
  /** By status and ending. */
  readonly requests: Map<number, Tally>;
  readonly tokens: Map<string, ModelTokens>;
}

const placeOf: ReadonlyMap<Ending, number> = new Map(endings.map((ending, place) => [ending, place]));

export class RequestCounts {
  readonly #engines = new Map<string, EngineCounts>();
  readonly #requests: Tally[] = [];
  readonly #tokens: Tally[] = [];

  /** In the order in which the labels were first seen. */
  get requests(): readonly Tally[] {
    return this.#requests;
  }
  get tokens(): readonly Tally[] {
    return this.#tokens;
  }

  add({ status, ending, engine: reached, model, inputTokens, outputTokens }: RequestLine): void {
    const engine = reached ?? '';
    const counts = this.#engines.get(engine) ?? this.#addEngine(engine);
    const name = status * endings.length + (placeOf.get(ending) as number);
    const tally = counts.requests.get(name);
    if (tally !== undefined) tally.value += 1;
    else {
      const labels = { status: String(status), ending, engine };
      counts.requests.set(name, addTally(this.#requests, labels, 1));
    }
    if (model === null || (inputTokens === null && outputTokens === null)) return;
    let tokens = counts.tokens.get(model);
    if (tokens === undefined) {
      tokens = { input: undefined, output: undefined };
      counts.tokens.set(model, tokens);
    }
    if (inputTokens !== null) {
      if (tokens.input !== undefined) tokens.input.value += inputTokens;
      else tokens.input = addTally(this.#tokens, { engine, model, direction: 'input' }, inputTokens);
    }
    if (outputTokens !== null) {
      if (tokens.output !== undefined) tokens.output.value += outputTokens;
      else tokens.output = addTally(this.#tokens, { engine, model, direction: 'output' }, outputTokens);
    }
  }

  #addEngine(engine: string): EngineCounts {
    const counts = { requests: new Map<number, Tally>(), tokens: new Map<string, ModelTokens>() };
    this.#engines.set(engine, counts);
    return counts;
  }
}

function addTally(tallies: Tally[], labels: Tally['labels'], value: number): Tally {
  const tally = { labels, value };
  tallies.push(tally);
  return tally;
}
