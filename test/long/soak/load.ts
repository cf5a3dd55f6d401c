/**
 * The steady load of the soak on one proxy, and what became of it: whole responses, errors by code, and the waiting of a
 * client that behaves. That client may be disturbed only while the soak itself has ended the process or taken its files.
 */
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { setTimeout } from 'node:timers/promises';
import { told } from './key-ledger.ts';
import { chat, listModels, type Outcome, type SoakTarget } from './outcomes.ts';

export interface LoadOptions {
  readonly name: string;
  readonly target: SoakTarget;
  /** Counts usage: whole JSON responses alone are asked for with it. */
  readonly countedKey: string;
  readonly streamKey: string;
  /** The engine itself, to compare with. */
  readonly engine: SoakTarget;
  readonly violation: (text: string) => void;
  readonly paceMs: number;
}

/** How long before a kill an end may not be stored yet; the store is written each second. */
const unwrittenMs = 5_000;
/** Waiting times that are kept for one median. */
const maxTimes = 2_000;

export class Load {
  readonly #options: LoadOptions;
  readonly #agent: HttpAgent | HttpsAgent;
  readonly #outages: { readonly fromMs: number; toMs: number }[] = [];
  readonly #recent: number[] = [];
  #isOver = false;
  readonly #loops: Promise<void>[] = [];
  readonly errors = new Map<string, number>();
  requests = 0;
  /** Requests of the counted key whose usage must be stored, and those whose usage may be. */
  certain = 0;
  uncertain = 0;
  /** Waiting for responses through flm and of the engine itself, while this phase lasts. */
  #times: { flm: number[]; engine: number[] } = { flm: [], engine: [] };

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#agent = options.target.url.startsWith('https:')
      ? new HttpsAgent({ keepAlive: true, maxSockets: 4 })
      : new HttpAgent({ keepAlive: true, maxSockets: 4 });
  }

  start(): void {
    this.#loops.push(this.#counted(), this.#streams(), this.#slowReaders(), this.#wrongKeys());
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#loops);
    this.#agent.destroy();
  }

  /** From now until the returned function is called, clients may see ended connections and typed errors. */
  outage(): () => void {
    const outage = { fromMs: performance.now(), toMs: Number.POSITIVE_INFINITY };
    this.#outages.push(outage);
    return () => {
      outage.toMs = performance.now();
    };
  }

  /** The process is about to be killed: what it counted last may not be stored. */
  killed(): void {
    const sinceMs = performance.now() - unwrittenMs;
    const lost = this.#recent.filter((atMs) => atMs >= sinceMs).length;
    this.certain -= lost;
    this.uncertain += lost;
    this.#recent.length = 0;
  }

  isExcused(fromMs: number): boolean {
    return this.#outages.some((outage) => outage.toMs >= fromMs);
  }

  /** Medians of the waiting since the last call, in milliseconds; undefined if too few requests were sent. */
  medians(): { readonly flm: number; readonly engine: number } | undefined {
    const { flm, engine } = this.#times;
    this.#times = { flm: [], engine: [] };
    return flm.length < 10 ? undefined : { flm: median(flm), engine: median(engine) };
  }

  count(outcome: Outcome): void {
    this.requests += 1;
    if (outcome.kind === 'whole') return;
    const name = 'code' in outcome ? outcome.code : outcome.kind;
    this.errors.set(name, (this.errors.get(name) ?? 0) + 1);
    if (outcome.kind === 'wrong') this.#options.violation(`${this.#options.name}: ${outcome.why}`);
  }

  /** Counts the outcome of a client that behaves. True if it was a whole response. */
  judge(outcome: Outcome, sinceMs: number, what: string): boolean {
    this.count(outcome);
    if (outcome.kind === 'whole') return true;
    if (outcome.kind !== 'wrong' && !this.isExcused(sinceMs))
      this.#options.violation(`${this.#options.name}: a client that behaves, ${what}: ${told(outcome)}`);
    return false;
  }

  async #counted(): Promise<void> {
    const { target, countedKey, engine, paceMs } = this.#options;
    const script = { key: countedKey, model: 'good', script: 'json' };
    const direct = new HttpAgent({ keepAlive: true, maxSockets: 1 });
    while (!this.#isOver) {
      const sinceMs = performance.now();
      const outcome = await chat(target, { ...script, agent: this.#agent });
      const endMs = performance.now();
      if (this.judge(outcome, sinceMs, 'JSON')) {
        this.certain += 1;
        this.#recent.push(endMs);
        if (this.#recent.length > 1_000) this.#recent.splice(0, 500);
        const own = performance.now();
        await chat(engine, { ...script, agent: direct });
        if (this.#times.flm.length < maxTimes) {
          this.#times.flm.push(endMs - sinceMs);
          this.#times.engine.push(performance.now() - own);
        }
      } else if (outcome.kind !== 'refused') this.uncertain += 1;
      await setTimeout(paceMs);
    }
    direct.destroy();
  }

  async #streams(): Promise<void> {
    const { target, streamKey, paceMs } = this.#options;
    while (!this.#isOver) {
      const sinceMs = performance.now();
      const script = { key: streamKey, model: 'good', script: 'stream 20 25', agent: this.#agent };
      this.judge(await chat(target, script), sinceMs, 'a stream');
      await setTimeout(paceMs);
    }
  }

  async #slowReaders(): Promise<void> {
    const { target, streamKey, paceMs } = this.#options;
    while (!this.#isOver) {
      const sinceMs = performance.now();
      const script = { key: streamKey, model: 'good', script: 'bulk 40', readEveryMs: 50 };
      this.judge(await chat(target, script), sinceMs, 'a slow reader');
      await setTimeout(20 * paceMs);
    }
  }

  async #wrongKeys(): Promise<void> {
    const { target, paceMs, violation, name } = this.#options;
    for (let n = 0; !this.#isOver; n++) {
      const sinceMs = performance.now();
      const outcome = await listModels(target, `flm_wrong${n}`, '127.66.6.6');
      this.count(outcome);
      if (outcome.kind === 'whole') violation(`${name}: a wrong key was accepted`);
      else if (outcome.kind !== 'refused' && !this.isExcused(sinceMs))
        violation(`${name}: a wrong key: ${told(outcome)}`);
      await setTimeout(4 * paceMs);
    }
  }
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
