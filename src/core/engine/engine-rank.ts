/**
 * Ranks one engine among those that have the same model: like the others, or last.
 *
 *   even --(grounds)--> last --(pause over, a probe answered)--> returning --(3 good answers in a row)--> even
 *                        ^--------(grounds; the pause doubles)-------'
 *
 * Grounds are: requests of two keys failed; one key's request failed and another engine answered that key for the same
 * model while this engine answered nobody; the engine refused flm's own key. An engine that has just answered another
 * key well is not judged by one key's failure, a 403 included, which may be about its prompt. While an engine returns,
 * it gets one request at a time. A failure of one key alone may come from that key's prompt. The engine then ranks last
 * for that key only, until the mark runs out or a request of that key succeeds.
 *
 * The rank decides only between engines that can answer the same request: an engine that ranks last still answers where
 * no other one can. State is bounded: one suspect, and marks for at most 1,000 keys.
 */
import assert from 'node:assert';

/** What an attempt shows about its engine. */
export interface EngineAnswer {
  /**
   * `failed`: the engine or the prompt is at fault. `key-refused`: the engine does not accept flm's own key.
   * `forbidden`: one of the two.
   */
  readonly verdict: 'good' | 'failed' | 'key-refused' | 'forbidden';
  /** Family of the client's key. */
  readonly family: string;
  /** The engine's id of the model; undefined if the request named the engine and no model of the catalogue. */
  readonly model: string | undefined;
  /** The result in words, for people: `status 500`. */
  readonly what: string;
}

/** What `status` shows about an engine that does not rank like the others. */
export interface RankReading {
  /** `last`: for every key; `returning`: one request at a time; `last-for-keys`: only for the keys in `keys`. */
  readonly state: 'last' | 'returning' | 'last-for-keys';
  /** Why, in words. */
  readonly reason: string;
  /** Families of keys for which the engine ranks last because of their own failures; the first ten. */
  readonly keys: readonly string[];
  readonly keyCount: number;
}

/** One key's failure on this engine. */
interface Mark {
  readonly untilMs: number;
  readonly pauseMs: number;
  readonly what: string;
}

/** The key whose requests failed most recently, while no other key's requests did. */
interface Suspect {
  readonly family: string;
  readonly model: string | undefined;
  readonly what: string;
  /**
   * Decreases with each good answer; at 0 the failure is forgotten. Two failures among many good answers come from two
   * prompts.
   */
  readonly weight: number;
}

const firstPauseMs = 10_000;
const firstMarkMs = 15_000;
/** How long a good answer counts in favour of the engine. */
const goodForMs = 15_000;
const longestPauseMs = 300_000;
/** A request without a failure after this time may stream for minutes, so the next one need not wait. */
const trialPatienceMs = 5_000;
const goodToReturn = 3;
/** After this many good answers, an earlier failure no longer counts together with the next one. */
const failureWeight = 4;
const maxMarks = 1_000;
const keysShown = 10;

export interface RankState {
  readonly state: 'even' | 'last' | 'returning';
  readonly reason: string;
  readonly pauseMs: number;
  /** Until it may return. */
  readonly waitMs: number;
  readonly goodInARow: number;
  readonly marks: readonly {
    readonly family: string;
    readonly leftMs: number;
    readonly pauseMs: number;
    readonly what: string;
  }[];
}

export class EngineRank {
  readonly #nowMs: () => number;
  #state: 'even' | 'last' | 'returning' = 'even';
  #reason = '';
  /**
   * The pause of the latest fall. Kept for a while after the return, so that an engine that falls again pauses longer.
   */
  #pauseMs = 0;
  #lastUntilMs = 0;
  #returnedAtMs = Number.NEGATIVE_INFINITY;
  #probed = false;
  #goodInARow = 0;
  #trial = false;
  #trialSinceMs = 0;
  #suspect: Suspect | undefined;
  /** The key that got the last good answer, the time of that answer, and the time of the last one for another key. */
  #goodFamily = '';
  #goodAtMs = Number.NEGATIVE_INFINITY;
  #otherGoodAtMs = Number.NEGATIVE_INFINITY;
  /** By family, the newest last. */
  readonly #marks = new Map<string, Mark>();

  /** `nowMs` is monotonic. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Whether the engine ranks last for requests of this key. */
  ranksLastFor(family: string): boolean {
    if (this.#state === 'even' && this.#marks.size === 0) return false;
    if (this.ranksLast) return true;
    const mark = this.#marks.get(family);
    return mark !== undefined && this.#nowMs() < mark.untilMs;
  }

  /** Whether the engine ranks last for every key. */
  get ranksLast(): boolean {
    if (this.#state === 'even') return false;
    this.#settle();
    if (this.#state === 'last') return true;
    return this.#trial && this.#nowMs() - this.#trialSinceMs < trialPatienceMs;
  }

  /** Whether a failure of one key may still be the engine's fault: see `twinAnswered`. */
  get suspected(): boolean {
    return this.#suspect !== undefined;
  }

  get reading(): RankReading | undefined {
    this.#settle();
    const now = this.#nowMs();
    const marked = [...this.#marks].filter(([, mark]) => now < mark.untilMs);
    if (this.#state === 'even' && marked.length === 0) return undefined;
    const what = marked.at(-1)?.[1].what;
    return {
      state: this.#state === 'even' ? 'last-for-keys' : this.#state,
      reason: this.#state === 'even' ? `a request failed with ${what}` : this.#reason,
      keys: marked.slice(0, keysShown).map(([family]) => family),
      keyCount: marked.length,
    };
  }

  exportState(): RankState {
    const now = this.#nowMs();
    return {
      state: this.#state,
      reason: this.#reason,
      pauseMs: this.#pauseMs,
      waitMs: Math.max(0, this.#lastUntilMs - now),
      goodInARow: this.#goodInARow,
      marks: [...this.#marks].map(([family, { untilMs, pauseMs, what }]) => ({
        family,
        leftMs: Math.max(0, untilMs - now),
        pauseMs,
        what,
      })),
    };
  }

  /** Goes on from the state that another process had. */
  importState({ state, reason, pauseMs, waitMs, goodInARow, marks }: RankState): void {
    const now = this.#nowMs();
    this.#state = state;
    this.#reason = reason;
    this.#pauseMs = Math.min(pauseMs, longestPauseMs);
    this.#lastUntilMs = now + Math.min(waitMs, longestPauseMs);
    this.#goodInARow = goodInARow;
    this.#trial = false;
    this.#marks.clear();
    for (const { family, leftMs, pauseMs: pause, what } of marks.slice(-maxMarks)) {
      const untilMs = now + Math.min(leftMs, longestPauseMs);
      this.#marks.set(family, { untilMs, pauseMs: Math.min(pause, longestPauseMs), what });
    }
  }

  /** Records that an attempt begins. While the engine returns, it is the trial. */
  begin(): void {
    if (this.#state === 'even') return;
    this.#settle();
    if (this.#state !== 'returning') return;
    this.#trial = true;
    this.#trialSinceMs = this.#nowMs();
  }

  /**
   * Records the result of an attempt; undefined if it says nothing about the engine. Returns whether the rank changed
   * for every key.
   */
  record(answer: EngineAnswer | undefined): boolean {
    this.#trial = false;
    if (answer === undefined) return false;
    this.#settle();
    switch (answer.verdict) {
      case 'good':
        return this.#good(answer);
      case 'failed':
        return this.#failed(answer);
      case 'forbidden':
        if (this.#answersOthersThan(answer.family)) return this.#failed(answer);
        return this.#fall(`the engine refuses the key that flm has for it (${answer.what})`);
      case 'key-refused':
        return this.#fall(`the engine refuses the key that flm has for it (${answer.what})`);
      default:
        return answer.verdict satisfies never;
    }
  }

  /** Another engine answered this key for this model. Returns whether this engine now ranks last. */
  twinAnswered(family: string, model: string | undefined, twin: string): boolean {
    const suspect = this.#suspect;
    if (suspect === undefined || model === undefined) return false;
    if (suspect.family !== family || suspect.model !== model || suspect.weight < failureWeight) return false;
    if (this.#answersOthersThan(family)) return false;
    return this.#fall(`a request failed with ${suspect.what}, and ${twin} answered the same key`);
  }

  /** A probe answered: the engine may return once its pause is over. */
  probed(): void {
    this.#probed = true;
  }

  /**
   * The engine was down and is up again. Failures caused by prompts are forgotten; it still returns one request at a
   * time.
   */
  cameBack(): void {
    this.#marks.clear();
    this.#suspect = undefined;
    this.#trial = false;
    this.#probed = true;
    this.#lastUntilMs = 0;
  }

  /** Whether another key recently got a good answer, so a failure may be this key's own. */
  #answersOthersThan(family: string): boolean {
    const atMs = family === this.#goodFamily ? this.#otherGoodAtMs : this.#goodAtMs;
    return this.#nowMs() - atMs < goodForMs;
  }

  #good({ family }: EngineAnswer): boolean {
    if (family !== this.#goodFamily) {
      this.#otherGoodAtMs = this.#goodAtMs;
      this.#goodFamily = family;
    }
    this.#goodAtMs = this.#nowMs();
    if (this.#marks.size > 0) this.#marks.delete(family);
    const suspect = this.#suspect;
    if (suspect !== undefined)
      this.#suspect = suspect.weight === 1 ? undefined : { ...suspect, weight: suspect.weight - 1 };
    if (this.#state !== 'returning') return false;
    this.#goodInARow += 1;
    if (this.#goodInARow < goodToReturn) return false;
    this.#state = 'even';
    this.#returnedAtMs = this.#nowMs();
    this.#marks.clear();
    this.#suspect = undefined;
    return true;
  }

  #failed({ family, model, what }: EngineAnswer): boolean {
    this.#mark(family, what);
    this.#goodInARow = 0;
    const before = this.#suspect;
    this.#suspect = { family, model, what, weight: failureWeight };
    if (before === undefined || before.family === family) return false;
    return this.#fall(`requests of more than one key failed, the last one with ${what}`);
  }

  #mark(family: string, what: string): void {
    const before = this.#marks.get(family);
    const now = this.#nowMs();
    // A request that fails while the mark holds began before the mark, or had no other engine.
    const pauseMs =
      before === undefined
        ? firstMarkMs
        : now < before.untilMs
          ? before.pauseMs
          : Math.min(before.pauseMs * 2, longestPauseMs);
    this.#marks.delete(family);
    this.#marks.set(family, { untilMs: now + pauseMs, pauseMs, what });
    if (this.#marks.size <= maxMarks) return;
    const [oldest] = this.#marks.keys();
    assert(oldest !== undefined, 'a map that is too large is not empty');
    this.#marks.delete(oldest);
  }

  #fall(reason: string): boolean {
    this.#suspect = undefined;
    if (this.#state === 'last') return false;
    const now = this.#nowMs();
    const again = this.#state === 'returning' || now - this.#returnedAtMs < longestPauseMs;
    this.#pauseMs = again && this.#pauseMs > 0 ? Math.min(this.#pauseMs * 2, longestPauseMs) : firstPauseMs;
    this.#state = 'last';
    this.#reason = reason;
    this.#lastUntilMs = now + this.#pauseMs;
    this.#probed = false;
    this.#goodInARow = 0;
    this.#trial = false;
    return true;
  }

  /** Moves from last to returning once the pause is over. */
  #settle(): void {
    if (this.#state !== 'last' || !this.#probed || this.#nowMs() < this.#lastUntilMs) return;
    this.#state = 'returning';
    this.#goodInARow = 0;
    this.#trial = false;
  }
}
