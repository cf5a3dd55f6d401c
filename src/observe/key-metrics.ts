/**
 * Counts the requests and tokens of single keys, for a limited number of keys. The keys that send the first requests have
 * counters of their own; all further keys count as `other`, so that a proxy with many keys cannot fill a database of
 * metrics. Labels are the id of the key and its label at its last request.
 */
import type { RequestLine } from '../core/proxy/proxy-handle.ts';

export interface KeyTally {
  readonly key: string;
  label: string;
  requests: number;
  refused: number;
  inputTokens: number;
  outputTokens: number;
}

export class KeyMetrics {
  readonly #limit: number;
  readonly #tallies = new Map<string, KeyTally>();
  readonly #other: KeyTally = emptyTally('other', '');

  /** `limit`: how many keys have counters of their own; 0: none, and nothing is counted. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Requests without a valid key are not counted here. */
  request(line: RequestLine): void {
    const { keyId } = line;
    if (this.#limit === 0 || keyId === null) return;
    let tally = this.#tallies.get(keyId);
    if (tally === undefined) {
      if (this.#tallies.size >= this.#limit) tally = this.#other;
      else {
        tally = emptyTally(keyId, line.keyLabel ?? '');
        this.#tallies.set(keyId, tally);
      }
    }
    if (tally !== this.#other) tally.label = line.keyLabel ?? '';
    tally.requests += 1;
    if (line.ending === 'refused') tally.refused += 1;
    tally.inputTokens += line.chargedInputTokens;
    tally.outputTokens += line.chargedOutputTokens;
  }

  *tallies(): Generator<KeyTally> {
    yield* this.#tallies.values();
    if (this.#other.requests > 0) yield this.#other;
  }
}

function emptyTally(key: string, label: string): KeyTally {
  return { key, label, requests: 0, refused: 0, inputTokens: 0, outputTokens: 0 };
}
