/** The limits of one node of a fleet, over any link to the server that counts. */
import { randomBytes } from 'node:crypto';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import type { AdmissionDenial, Lease, QueueTicket } from '../../src/core/security/admission.ts';
import { LocalLimits } from '../../src/core/security/local-limits.ts';
import { FleetLimits, type FleetLimitsOptions } from '../../src/valkey/fleet-limits.ts';
import { RedisLink } from '../../src/valkey/redis-link.ts';
import { SpentToday } from '../../src/valkey/spent-today.ts';
import { keyWith } from './limits-processes.ts';
import { TestDirectory } from './test-gateway.ts';

export interface FleetNodeOptions extends Partial<FleetLimitsOptions> {
  readonly slots?: number;
  readonly maxQueued?: number;
  /** Tokens of the day that the database knows. */
  readonly today?: (family: string) => number;
}

export class FleetNode {
  readonly directory: TestDirectory;
  readonly local: LocalLimits;
  readonly limits: FleetLimits;
  readonly clock: Clock;

  constructor(options: FleetNodeOptions & Pick<FleetLimitsOptions, 'link'>) {
    const { clock = systemClock, slots = 1, maxQueued = 100, today = () => 0 } = options;
    this.clock = clock;
    this.directory = new TestDirectory([{ id: 'e', port: 1, models: ['m'], slots }]);
    const spent = new SpentToday({ today }, clock);
    const limits = {
      maxStreams: 1_000,
      maxConnections: 1_000,
      maxBufferedBytes: 1_000,
      maxBodyBytes: 100,
      maxQueued,
      maxQueueWaitMs: 60_000,
    };
    this.local = new LocalLimits({ limits, clock, directory: this.directory, ledger: spent });
    this.limits = new FleetLimits({
      local: this.local,
      spent,
      clock,
      directory: this.directory,
      hostname: 'host',
      outage: 'local',
      newId: () => randomBytes(8).toString('hex'),
      ...options,
    });
  }

  async rate(perMinute: number, burst: number, bucket = 'b'): Promise<boolean> {
    const asks = [{ bucket, perMinute, burst }];
    return (await this.limits.ports.rates.take(asks, this.clock.monotonicMs())).granted;
  }

  /** Returns true if the key may have one more request in progress. */
  async take(concurrency: number, family = 'a'): Promise<boolean> {
    const holding = this.local.concurrency.of(family);
    const key = keyWith({ concurrency }, family);
    return (await this.limits.ports.concurrency.takeRequest(key, holding)) === undefined;
  }

  give(family = 'a'): void {
    this.limits.ports.concurrency.giveBackRequest(this.local.concurrency.of(family));
  }

  enter(family = 'a'): {
    readonly outcome: Promise<Lease | AdmissionDenial>;
    readonly ticket?: QueueTicket;
  } {
    const { promise, resolve } = Promise.withResolvers<Lease | AdmissionDenial>();
    const candidate = this.directory.engine('e');
    if (candidate === undefined) throw new Error('no engine');
    const ask = { key: keyWith({}, family), candidates: [candidate], generates: true };
    const entered = this.limits.ports.admission.enter(ask, resolve);
    if (entered.kind === 'waiting') return { outcome: promise, ticket: entered };
    resolve(entered);
    return { outcome: promise };
  }

  async lease(family = 'a'): Promise<Lease> {
    const outcome = await this.enter(family).outcome;
    if (outcome.kind !== 'lease') throw new Error(outcome.code);
    return outcome;
  }

  async close(): Promise<void> {
    this.local.admission.close();
    await this.limits.close();
  }
}

/** On a busy machine a server that is well may take longer to answer than a proxy waits. */
const patientMs = 10_000;

/** A link to a real server on a port of this machine. */
export function redisLink(port: number, time?: string, answerMs = patientMs): RedisLink {
  const address = {
    host: '127.0.0.1',
    port,
    socket: undefined,
    user: undefined,
    password: undefined,
  } as const;
  return new RedisLink({
    address: { ...address, security: 'none', database: 0 },
    clock: systemClock,
    answerMs,
    ...(time === undefined ? {} : { time }),
  });
}
