/**
 * Connects a proxy in the foreground to its supervisor: systemd is told that the proxy is ready, that its event loop
 * runs, and that it stops. With any other supervisor, or none, nothing is sent.
 */
import type { RunningProxy } from '../core/proxy/ports.ts';
import { clientUrl } from '../core/proxy/proxy-handle.ts';
import type { LaunchCommand } from '../process/launched-child.ts';
import { findSupervisor, notifyProgram, supervisorFacts } from '../process/supervisor.ts';
import { runSystemdNotify, SystemdNotifier } from '../process/systemd-notify.ts';
import type { Replaceable } from './hand-over.ts';
import type { Machine } from './machine.ts';

/**
 * How the process of a proxy in the foreground may be replaced: only systemd, and only a unit with `Type=notify`, can be
 * told of another main process.
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
  /** The proxy took over from a supervised process. */
  readonly successor?: boolean;
  /** Told in a sentence where systemd could not be reached. */
  readonly onProblem: (sentence: string) => void;
}

/**
 * Resolves when systemd knows that the proxy is ready and that this process is the main process of the unit. False where
 * systemd could not be told.
 */
export async function superviseProxy(
  running: RunningProxy,
  machine: Machine,
  { successor = false, onProblem }: SuperviseOptions,
): Promise<boolean> {
  const { environment, clock } = machine;
  const facts = supervisorFacts(environment, successor);
  const supervisor = findSupervisor(facts);
  const program = notifyProgram(facts);
  if (supervisor.kind !== 'systemd-notify' || program === undefined) return true;
  const notifier = new SystemdNotifier({
    env: environment,
    clock,
    run: runSystemdNotify(program, environment),
  });
  void running.stopping.then((graceMs) => notifier.stopping(graceMs));
  void running.closed.then(() => notifier.release());
  const { handle, control } = running;
  const url = clientUrl(handle, control.status().config.domains);
  const tellReady = (): Promise<boolean> => notifier.ready(process.pid, `Serving on ${url} as ${handle.id}`);
  running.onHandOver((newest) => {
    // The successor tells systemd from now on. One that failed may have named itself as the main process before.
    if (newest !== undefined) notifier.release();
    else void tellReady();
  });
  const told = await tellReady();
  // The predecessor of a successor that fails serves on: `STOPPING=1` of this process would end it.
  if (!told && successor) notifier.release();
  if (!told) onProblem('systemd could not be told that the proxy is ready: systemd-notify failed.');
  return told;
}
