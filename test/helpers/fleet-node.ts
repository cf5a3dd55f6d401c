/** The limits of one node of a fleet, over any link to the server that counts. */
import { randomBytes } from 'node:crypto';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import { LocalLimits } from '../../src/core/security/local-limits.ts';
import { FleetLimits, type FleetLimitsOptions } from '../../src/valkey/fleet-limits.ts';
import { RedisLink } from '../../src/valkey/redis-link.ts';
import { SpentToday } from '../../src/valkey/spent-today.ts';
import { LimitsRequests } from './limits-requests.ts';
import { TestDirectory } from './test-gateway.ts';

export interface FleetNodeOptions extends Partial<FleetLimitsOptions> {
  readonly slots?: number;
  readonly maxQueued?: number;
  /** Tokens of the day that the database knows. */
  readonly today?: (family: string) => number;
}

export class FleetNode extends LimitsRequests {
  readonly directory: TestDirectory;
  readonly local: LocalLimits;
  readonly limits: FleetLimits;
  readonly clock: Clock;

  constructor(options: FleetNodeOptions & Pick<FleetLimitsOptions, 'link'>) {
    super();
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
