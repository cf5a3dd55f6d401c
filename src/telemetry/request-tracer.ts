/**
 * Begins traces: ids, and which requests are sampled, by the samplers of the OpenTelemetry specification. The sampled
 * flag of a trusted proxy decides for its traces (`parentbased_`); a client's flag decides nothing.
 */
import { randomBytes } from 'node:crypto';
import { RequestTrace, type TraceOrigin } from '../core/otlp/request-trace.ts';
import type { SamplerName } from '../core/otlp/telemetry-settings.ts';

/** Random bytes are generated in bulk. */
const poolBytes = 4096;

export class RequestTracer {
  readonly #sampler: SamplerName;
  readonly #ratio: number;
  #pool = '';
  #at = 0;
  readonly newSpanId = (): string => this.#hex(16);

  constructor(sampler: SamplerName, ratio: number) {
    this.#sampler = sampler;
    this.#ratio = ratio;
  }

  begin(origin: TraceOrigin): RequestTrace {
    const parent = origin.trusted ? origin.context : undefined;
    const traceId = parent?.traceId ?? this.#hex(32);
    return new RequestTrace(
      { traceId, sampled: this.#samples(traceId, parent?.sampled), origin },
      this.newSpanId,
    );
  }

  #samples(traceId: string, parent: boolean | undefined): boolean {
    const sampler = this.#sampler;
    switch (sampler) {
      case 'always_on':
        return true;
      case 'always_off':
        return false;
      case 'traceidratio':
        return this.#isWithin(traceId);
      case 'parentbased_always_on':
        return parent ?? true;
      case 'parentbased_always_off':
        return parent ?? false;
      case 'parentbased_traceidratio':
        return parent ?? this.#isWithin(traceId);
      default:
        return sampler satisfies never;
    }
  }

  /** The last 56 bits of a trace id are random (W3C Trace Context, level 2). 32 of them decide. */
  #isWithin(traceId: string): boolean {
    return Number.parseInt(traceId.slice(-8), 16) < this.#ratio * 2 ** 32;
  }

  /** An id of zeros is not valid, and never comes up. */
  #hex(length: number): string {
    if (this.#at + length > this.#pool.length) {
      this.#pool = randomBytes(poolBytes).toString('hex');
      this.#at = 0;
    }
    this.#at += length;
    // A copy: an id is kept for longer than the pool.
    return Buffer.from(this.#pool.slice(this.#at - length, this.#at), 'latin1').toString('latin1');
  }
}
