/**
 * Connects a proxy in the foreground to its supervisor: tells systemd that the proxy is ready, that its event loop
 * runs, and that it stops. Sends nothing to other supervisors.
 */
import { ProxyError } from '../core/errors.ts';
import type { RunningProxy, TakeOver } from '../core/proxy/ports.ts';
import { clientUrl } from '../core/proxy/proxy-handle.ts';
import type { LaunchCommand } from '../process/spawn-child.ts';
import { findSupervisor, notifyProgram, supervisorFacts } from '../process/supervisor.ts';
import { runSystemdNotify, SystemdNotifier } from '../process/systemd-notify.ts';
import type { Replaceable } from './hand-over.ts';
import type { Machine } from './machine.ts';

/**
 * Returns how the process of a proxy in the foreground may be replaced: only a systemd unit with `Type=notify` accepts
 * a new main process.
 */
export function foregroundReplaceable(
  machine: Machine,
  program: LaunchCommand,
  successor = false,
): Replaceable {
  const { kind, restartCommand, unit } = findSupervisor(supervisorFacts(machine.environment, successor));
  if (restartCommand === undefined) return { by: 'nobody' };
  const name = kind.startsWith('systemd') ? `systemd${unit === undefined ? '' : ` (${unit})`}` : kind;
  const supervisor = { name: kind === 'container' ? 'a container' : name, command: restartCommand };
  return kind === 'systemd-notify' ? { by: 'successor', program, supervisor } : { by: 'nobody', supervisor };
}

export interface SuperviseOptions {
  /** Present if the proxy replaces a supervised process, which stays the main process until it has completed that. */
  readonly takeOver?: Pick<TakeOver, 'completed'>;
  /** Called with a sentence if systemd could not be reached. */
  readonly onProblem: (sentence: string) => void;
}

/** Resolves when systemd knows that the proxy is ready and that this process is the main process of the unit. */
export async function superviseProxy(
  running: RunningProxy,
  machine: Machine,
  { takeOver, onProblem }: SuperviseOptions,
): Promise<void> {
  const { environment, clock } = machine;
  const facts = supervisorFacts(environment, takeOver !== undefined);
  const supervisor = findSupervisor(facts);
  const program = notifyProgram(facts);
  if (supervisor.kind !== 'systemd-notify' || program === undefined) return;
  const notifier = new SystemdNotifier({
    env: environment,
    clock,
    run: runSystemdNotify(program, environment),
  });
  void running.closed.then(() => notifier.release());
  const { handle, control } = running;
  const url = clientUrl(handle, control.status().config.domains);
  const tellReady = (): Promise<boolean> => notifier.ready(process.pid, `Serving on ${url} as ${handle.id}`);
  running.beforeHandOver(async (newest) => {
    if (await notifier.mainProcess(newest.pid)) return;
    throw new ProxyError('PROXY_START_FAILED', { params: { reason: problem } });
  });
  running.onHandOver((newest) => {
    // From now on the successor notifies systemd. A failed successor may have been named as the main process, so this
    // process names itself again.
    if (newest !== undefined) notifier.release();
    else void tellReady();
  });
  // Until then the predecessor is the main process, and `STOPPING=1` from this process would end the predecessor.
  await takeOver?.completed;
  const told = tellReady();
  void running.stopping.then((graceMs) => notifier.stopping(graceMs));
  if (!(await told)) onProblem(`Could not tell systemd that the proxy is ready: ${problem}.`);
}

const problem = 'systemd-notify failed';
