/**
 * A histogram of durations without labels. Counting a duration only adds to numbers; the metric's values are created on
 * a scrape and equal those of prom-client, whose own `observe` creates objects and a name for each value.
 */
import { Histogram, type HistogramConfiguration } from 'prom-client';

type Values = Awaited<ReturnType<Histogram['get']>>;

export class DurationHistogram extends Histogram {
  readonly #facts: Pick<Values, 'name' | 'help'>;
  readonly #bounds: readonly number[];
  /** How many durations are above the bound before and at most this bound; the last element counts the rest. */
  readonly #counts: Float64Array;
  #sum = 0;

  constructor(configuration: HistogramConfiguration<string> & { readonly buckets: number[] }) {
    super(configuration);
    const { name, help, buckets } = configuration;
    this.#facts = { name, help };
    this.#bounds = buckets;
    this.#counts = new Float64Array(buckets.length + 1);
  }

  add(seconds: number): void {
    const bounds = this.#bounds;
    let at = 0;
    while (at < bounds.length && seconds > (bounds[at] as number)) at += 1;
    this.#counts[at] = (this.#counts[at] as number) + 1;
    this.#sum += seconds;
  }

  override get(): Promise<Values> {
    const { name } = this.#facts;
    let count = 0;
    const values: Values['values'] = [];
    for (let i = 0; i < this.#counts.length; i++) {
      count += this.#counts[i] as number;
      values.push({ metricName: `${name}_bucket`, labels: { le: this.#bounds[i] ?? '+Inf' }, value: count });
    }
    values.push({ metricName: `${name}_sum`, labels: {}, value: this.#sum });
    values.push({ metricName: `${name}_count`, labels: {}, value: count });
    // The aggregator and the collector are for clusters, which flm does not use.
    return Promise.resolve({ ...this.#facts, type: 'histogram', values } as unknown as Values);
  }

  /** The registry prefers this method, which prom-client does not declare. */
  getForPromString(): Promise<Values> {
    return this.get();
  }
}
