/** Runs a proxy inside the process of a command. */
import type { RunningProxy } from '../core/proxy/ports.ts';
import type { StartRequest } from '../core/proxy/proxy-service.ts';
import { endByMistake } from '../process/crash.ts';
import { InProcessController } from '../process/in-process-controller.ts';
import { passedSockets } from '../process/passed-sockets.ts';
import { portHolder } from '../process/port-holder.ts';
import type { Flm } from './flm.ts';
import { makeProxyFactory } from './proxy.ts';
import type { ProxyLog } from './proxy-parts.ts';
import { foregroundReplaceable, superviseProxy } from './supervised.ts';

export interface RunOptions {
  readonly request: StartRequest;
  readonly log: ProxyLog;
  readonly signal: AbortSignal;
}

/** Notifies systemd if systemd started the process. Throws like `ProxyService.start`. */
export async function runProxy(
  { machine, launch, proxiesBy, onProblem }: Flm,
  { request, log, signal }: RunOptions,
): Promise<RunningProxy> {
  const made = Promise.withResolvers<RunningProxy>();
  const passed = passedSockets(machine.environment);
  const make = makeProxyFactory(machine, log, foregroundReplaceable(machine, launch), passed);
  const controller = new InProcessController(async (options, aborted) => {
    const running = await make(options, aborted);
    void running.closed.then(endByMistake());
    made.resolve(running);
    return running;
  });
  // systemd holds the port of a socket that it passed.
  const isFree = passed.length > 0 ? () => Promise.resolve(undefined) : portHolder;
  await proxiesBy(controller, isFree).start(request, signal);
  const running = await made.promise;
  await superviseProxy(running, machine, { onProblem: (sentence) => onProblem(sentence, false) });
  return running;
}
