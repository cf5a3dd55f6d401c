/**
 * Sends the traces and metrics of one proxy to an OTLP server, in batches and beside the requests. A request only adds
 * its facts to a list of limited length. While the server is away, new requests are kept up to that limit and then
 * dropped and counted; there is one warning until the server answers again.
 */
import type { Clock, Unsubscribe } from '../core/clock.ts';
import type { RequestTimes, RequestTrace, TraceOrigin, Tracing } from '../core/otlp/request-trace.ts';
import type { TelemetryReading } from '../core/otlp/telemetry-reading.ts';
import type { TelemetrySettings } from '../core/otlp/telemetry-settings.ts';
import type { RequestLine } from '../core/proxy/proxy-handle.ts';
import { metricsRequest, type Sender, tracesRequest } from './otlp-json.ts';
import type { OtlpAnswer } from './otlp-post.ts';
import { factsOf, type RequestFacts } from './request-facts.ts';
import { RequestMetrics } from './request-metrics.ts';
import { requestSpans } from './request-spans.ts';
import { RequestTracer } from './request-tracer.ts';

/** Requests that wait to be sent. A request has about five spans. */
const maxWaiting = 2_048;
/** Requests in one message. Encoding it takes about a millisecond, in which no request is served. */
const batchSize = 128;
/** After a failure: 5 s, 10 s, 20 s, 40 s, 60 s ... */
const firstPauseMs = 5_000;
const longestPauseMs = 60_000;
/** A server that comes and goes causes one warning in this time. */
const warningMs = 600_000;
/** How long the end of a proxy waits for its last message. */
const lastMs = 1_000;

export interface TelemetryDeps {
  readonly settings: TelemetrySettings;
  readonly sender: Sender;
  /** `http` or `https`, as clients reach the proxy. */
  readonly scheme: string;
  readonly clock: Clock;
  readonly post: {
    send(url: string, body: string, signal: AbortSignal): Promise<OtlpAnswer>;
    close(): void;
  };
  /** Called once when sending begins to fail, and once when it works again (undefined). */
  readonly changed: (problem: string | undefined) => void;
  /** Called once if the server takes traces but no metrics, as Jaeger does. Metrics are not sent any more. */
  readonly noMetrics: () => void;
}

interface Waiting {
  readonly facts: RequestFacts;
  readonly trace: RequestTrace;
}

export class Telemetry implements Tracing {
  readonly #deps: TelemetryDeps;
  readonly #tracer: RequestTracer;
  readonly #metrics: RequestMetrics;
  readonly #timers: Unsubscribe[] = [];
  readonly #closed = new AbortController();
  #waiting: Waiting[] = [];
  #sending: Promise<void> | undefined;
  #metricsSending: Promise<void> | undefined;
  #failures = 0;
  /** No traces are sent before this time (monotonic). */
  #pausedUntilMs = 0;
  #problem: string | undefined;
  #takesMetrics = true;
  #warned = false;
  #warnedAtMs = Number.NEGATIVE_INFINITY;
  #spansSent = 0;
  #requestsDropped = 0;

  constructor(deps: TelemetryDeps) {
    this.#deps = deps;
    const { settings, clock, scheme } = deps;
    this.#tracer = new RequestTracer(settings.sampler, settings.samplerRatio);
    this.#metrics = new RequestMetrics(scheme, clock.nowMs());
    if (settings.tracesUrl !== undefined)
      this.#timers.push(clock.every(settings.traceIntervalMs, () => this.#sendTraces()));
    if (settings.metricsUrl !== undefined)
      this.#timers.push(clock.every(settings.metricIntervalMs, () => this.#sendMetrics()));
  }

  begin(origin: TraceOrigin): RequestTrace {
    return this.#tracer.begin(origin);
  }

  ended(line: RequestLine, trace: RequestTrace | undefined, times: RequestTimes): void {
    const { clock, settings } = this.#deps;
    const last = trace?.attempts.at(-1);
    if (last?.endedAtMs === 0) {
      // A small response ends its request with its only write, before the attempt is told.
      last.endedAtMs = times.endedAtMs;
      last.status = line.status;
    }
    const facts = factsOf(line, times, clock.nowMs() - clock.monotonicMs());
    if (settings.metricsUrl !== undefined && this.#takesMetrics) this.#metrics.record(facts, trace);
    if (trace === undefined || !trace.sampled || settings.tracesUrl === undefined) return;
    if (this.#waiting.length >= maxWaiting) {
      this.#requestsDropped += 1;
      return;
    }
    this.#waiting.push({ facts, trace });
    if (this.#waiting.length >= batchSize && this.#sending === undefined) this.#sendTraces();
  }

  reading(): TelemetryReading {
    const { endpoint, tracesUrl, metricsUrl } = this.#deps.settings;
    return {
      endpoint,
      traces: tracesUrl !== undefined,
      metrics: metricsUrl !== undefined && this.#takesMetrics,
      ...(this.#problem === undefined ? {} : { problem: this.#problem }),
      spansSent: this.#spansSent,
      requestsDropped: this.#requestsDropped,
    };
  }

  /** Sends what waits, for at most a second. Never rejects. */
  async close(): Promise<void> {
    for (const end of this.#timers.splice(0)) end();
    const { clock, post } = this.#deps;
    const cancel = clock.after(lastMs, () => this.#closed.abort());
    this.#pausedUntilMs = 0;
    await this.#sending;
    this.#sendTraces();
    this.#sendMetrics();
    await Promise.all([this.#sending, this.#metricsSending]);
    cancel();
    this.#closed.abort();
    post.close();
  }

  #sendTraces(): void {
    const { clock } = this.#deps;
    if (this.#sending !== undefined || this.#waiting.length === 0) return;
    if (clock.monotonicMs() < this.#pausedUntilMs) return;
    this.#sending = this.#sendBatches().finally(() => {
      this.#sending = undefined;
    });
  }

  /** One batch after another until nothing waits or the server fails. */
  async #sendBatches(): Promise<void> {
    const { settings, sender, scheme, post, clock } = this.#deps;
    while (this.#waiting.length > 0 && !this.#closed.signal.aborted) {
      const batch = this.#waiting.splice(0, batchSize);
      const spans = batch.flatMap(({ facts, trace }) =>
        requestSpans(facts, trace, scheme, this.#tracer.newSpanId),
      );
      const answer = await post.send(
        settings.tracesUrl ?? '',
        tracesRequest(sender, spans),
        this.#closed.signal,
      );
      this.#note(answer);
      if (answer.ok) {
        this.#spansSent += spans.length - answer.rejected;
        continue;
      }
      if (answer.again) {
        // The oldest are dropped, so that what is kept belongs together.
        const room = Math.max(0, maxWaiting - this.#waiting.length);
        this.#waiting = [...batch.slice(batch.length - Math.min(room, batch.length)), ...this.#waiting];
        this.#requestsDropped += Math.max(0, batch.length - room);
      } else this.#requestsDropped += batch.length;
      this.#failures += 1;
      this.#pausedUntilMs =
        clock.monotonicMs() + Math.min(firstPauseMs * 2 ** (this.#failures - 1), longestPauseMs);
      return;
    }
  }

  #sendMetrics(): void {
    const { settings, sender, clock, post } = this.#deps;
    if (settings.metricsUrl === undefined || !this.#takesMetrics || this.#metricsSending !== undefined)
      return;
    const metrics = this.#metrics.metrics(clock.nowMs());
    if (metrics.length === 0) return;
    // The next message holds the same counts and newer ones, so a lost one is not sent again.
    this.#metricsSending = post
      .send(settings.metricsUrl, metricsRequest(sender, metrics), this.#closed.signal)
      .then((answer) => this.#noteMetrics(answer))
      .finally(() => {
        this.#metricsSending = undefined;
      });
  }

  #noteMetrics(answer: OtlpAnswer): void {
    if (answer.ok || answer.unknown !== true || this.#deps.settings.tracesUrl === undefined)
      return this.#note(answer);
    this.#takesMetrics = false;
    this.#deps.noMetrics();
  }

  #note(answer: OtlpAnswer): void {
    // What the end of the proxy interrupts is no problem of the server.
    if (this.#closed.signal.aborted) return;
    const { clock, changed } = this.#deps;
    if (answer.ok) {
      this.#failures = 0;
      this.#problem = undefined;
      if (this.#warned) changed(undefined);
      this.#warned = false;
      return;
    }
    this.#problem = answer.problem;
    const nowMs = clock.monotonicMs();
    if (this.#warned || nowMs - this.#warnedAtMs < warningMs) return;
    this.#warned = true;
    this.#warnedAtMs = nowMs;
    changed(answer.problem);
  }
}
