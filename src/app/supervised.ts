/**
 * Connects a proxy in the foreground to its supervisor: systemd is told that the proxy is ready, that its event loop
 * runs, and that it stops. With any other supervisor, or none, nothing is sent.
 */
import type { RunningProxy } from '../core/proxy/ports.ts';
import { clientUrl } from '../core/proxy/proxy-handle.ts';
import { findSupervisor, notifyProgram, type Supervisor, supervisorFacts } from '../process/supervisor.ts';
import { runSystemdNotify, SystemdNotifier } from '../process/systemd-notify.ts';
import type { Machine } from './machine.ts';

export interface Supervision {
  readonly supervisor: Supervisor;
  /** Called when another process has become the main process: this one tells systemd nothing more. */
  release(): void;
}

export interface SuperviseOptions {
  /** The proxy took over from a supervised process. */
  readonly successor?: boolean;
  /** Told in a sentence where systemd could not be reached. */
  readonly onProblem: (sentence: string) => void;
}

/** Resolves when systemd knows that the proxy is ready and that this process is the main process of the unit. */
export async function superviseProxy(
  running: RunningProxy,
  machine: Machine,
  { successor = false, onProblem }: SuperviseOptions,
): Promise<Supervision> {
  const { environment, clock } = machine;
  const facts = supervisorFacts(environment, successor);
  const supervisor = findSupervisor(facts);
  const program = notifyProgram(facts);
  if (supervisor.kind !== 'systemd-notify' || program === undefined) return { supervisor, release: () => {} };
  const notifier = new SystemdNotifier({
    env: environment,
    clock,
    run: runSystemdNotify(program, environment),
  });
  void running.stopping.then((graceMs) => notifier.stopping(graceMs));
  void running.closed.then(() => notifier.release());
  const { handle, control } = running;
  const url = clientUrl(handle, control.status().config.domains);
  const told = await notifier.ready(process.pid, `Serving on ${url} as ${handle.id}`);
  if (!told) onProblem('systemd could not be told that the proxy is ready: systemd-notify failed.');
  return { supervisor, release: () => notifier.release() };
}
