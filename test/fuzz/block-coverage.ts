/**
 * Which characters of flm's sources have run, from V8's precise block coverage
 * (https://chromedevtools.github.io/devtools-protocol/v8/Profiler/). One `take` costs about two milliseconds, so it is
 * taken after a batch of inputs, not after each.
 */
import { type Profiler, Session } from 'node:inspector';
import { pathToFileURL } from 'node:url';

export class BlockCoverage {
  readonly #session = new Session();
  /** URLs of the sources that count, as prefixes. */
  #prefixes: readonly string[];
  /** By source and start of a function: 1 for each of its characters that has run. A function inside of another counts in both. */
  readonly #ran = new Map<string, Uint8Array>();

  /** `sources`: absolute paths of files or folders. Start before the sources are imported, so that every function is seen. */
  constructor(sources: readonly string[]) {
    this.#prefixes = sources.map((path) => pathToFileURL(path).href);
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Counts only these sources from now on. */
  limit(sources: readonly string[]): void {
    this.#prefixes = sources.map((path) => pathToFileURL(path).href);
  }

  /** Characters that ran for the first time since the last `take` with `keep`. Without `keep` they stay new. */
  take(keep: boolean): number {
    let fresh = 0;
    this.#session.post('Profiler.takePreciseCoverage', (error, coverage) => {
      if (error !== null) throw error;
      for (const script of coverage.result)
        if (this.#prefixes.some((prefix) => script.url.startsWith(prefix)))
          for (const { ranges } of script.functions) fresh += this.#mark(script.url, ranges, keep);
    });
    return fresh;
  }

  /** Characters that have run so far. */
  get total(): number {
    let total = 0;
    for (const ran of this.#ran.values()) for (const mark of ran) total += mark;
    return total;
  }

  stop(): void {
    this.#session.disconnect();
  }

  /** Ranges are nested: an inner one replaces the count of the outer one. */
  #mark(url: string, ranges: readonly Profiler.CoverageRange[], keep: boolean): number {
    const [whole] = ranges;
    if (whole === undefined || whole.count === 0) return 0;
    const { startOffset, endOffset } = whole;
    const runs = new Uint8Array(endOffset - startOffset).fill(1);
    for (const range of ranges.slice(1))
      runs.fill(range.count > 0 ? 1 : 0, range.startOffset - startOffset, range.endOffset - startOffset);
    const name = `${url}:${startOffset}`;
    let ran = this.#ran.get(name);
    if (ran === undefined) {
      ran = new Uint8Array(runs.length);
      this.#ran.set(name, ran);
    }
    let fresh = 0;
    for (let i = 0; i < runs.length; i++) {
      if (runs[i] === 0 || ran[i] === 1) continue;
      fresh += 1;
      if (keep) ran[i] = 1;
    }
    return fresh;
  }
}
