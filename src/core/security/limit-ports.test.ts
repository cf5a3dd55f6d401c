/** The local limiters and limiters on another machine keep the same promises, whatever the link does. */
import {
  admissionContract,
  concurrencyContract,
  type OpenedAdmission,
  rateLimiterContract,
} from '../../../test/contracts/limits-contract.ts';
import {
  RemoteAdmission,
  RemoteConcurrency,
  RemoteLink,
  RemoteRateLimiter,
} from '../../../test/helpers/remote-limits.ts';
import { TestDirectory } from '../../../test/helpers/test-gateway.ts';
import { systemClock } from '../clock.ts';
import type { Candidate } from '../engine/directory.ts';
import type { Admission } from './admission.ts';
import { FairAdmission } from './fair-admission.ts';
import { KeyHoldings } from './key-holdings.ts';
import { GcraLimiter } from './rate-limiter.ts';

const holdings = (): KeyHoldings =>
  new KeyHoldings({ maxStreams: 100, maxBufferedBytes: 1_000, maxBodyBytes: 100 });

function opened(slots: number, maxQueued: number, over: (local: Admission) => Admission): OpenedAdmission {
  const directory = new TestDirectory([{ id: 'e', port: 1, models: ['m'], slots }]);
  const local = new FairAdmission(directory, systemClock, { maxQueued, maxQueueWaitMs: 60_000 });
  return {
    admission: over(local),
    candidates: [directory.engine('e') as Candidate],
    running: () => directory.inFlight('e'),
    close: () => local.close(),
  };
}

function link(fails: boolean): RemoteLink {
  const made = new RemoteLink();
  made.fail(fails);
  return made;
}

rateLimiterContract('GcraLimiter', () => new GcraLimiter());
concurrencyContract('KeyHoldings', holdings);
admissionContract('FairAdmission', (slots, maxQueued) => opened(slots, maxQueued, (local) => local));
for (const fails of [false, true]) {
  const how = fails ? 'whose link fails' : 'that answers later';
  rateLimiterContract(
    `a remote limiter ${how}`,
    () => new RemoteRateLimiter(link(fails), new GcraLimiter(), new GcraLimiter()),
  );
  concurrencyContract(`remote concurrency ${how}`, () => new RemoteConcurrency(link(fails), holdings()));
  admissionContract(`remote admission ${how}`, (slots, maxQueued) =>
    opened(slots, maxQueued, (local) => {
      const made = link(fails);
      return new RemoteAdmission(() => made.trip(), local);
    }),
  );
}
