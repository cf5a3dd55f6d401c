/**
 * A server that counts limits for all nodes, compared with limits of the process: CPU time of a request, first byte, and how
 * long the server is busy with a request. Needs Redis or Valkey.
 */
import { noRedis, startRedis } from '../../test/helpers/redis-server.ts';
import { scriptCosts } from '../limits.ts';
import { cpuTime, quantile } from '../machine.ts';
import { prepareFlm } from '../peers/flm.ts';
import { firstByteMs, measure } from '../rounds.ts';
import { costFigures, type Measure } from './measure.ts';
import { jsonPlan } from './requests.ts';

export const limits: Measure = {
  name: 'limits',
  named: true,
  run: async (session) => {
    const own = (await session.plain())[0];
    if (noRedis !== false || own?.peer === undefined) {
      console.log(`SKIPPED: ${noRedis}`);
      return [];
    }
    const server = await startRedis();
    session.own({ stop: async () => server[Symbol.asyncDispose]() });
    const shared = await session.start(
      own.peer,
      {},
      (setup) => prepareFlm(setup, { FLM_VALKEY_URL: server.url }),
      'flm, FLM_VALKEY_URL',
    );
    const costs = await measure([own, shared], jsonPlan(7));
    for (const [{ name }, ms] of await firstByteMs([session.direct(), own, shared], 1_000))
      console.log(
        `  first byte, ${name.padEnd(20)} median ${quantile(ms, 0.5).toFixed(2)} ms, p99 ${quantile(ms, 0.99).toFixed(2)} ms`,
      );
    const busyUs = (): number => {
      const { userUs, systemUs } = cpuTime(server.pid);
      return userUs + systemUs;
    };
    for (const { nodes, usPerRequest } of await scriptCosts(server.port, busyUs))
      console.log(
        `  the server is busy for ${usPerRequest.toFixed(1)} us with a request if ${nodes} nodes hold requests of its key`,
      );
    return costFigures('limits', 'us a request', costs, 'flm');
  },
};
