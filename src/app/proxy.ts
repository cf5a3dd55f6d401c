/**
 * Starts one proxy and connects its parts: store, certificates, gateway, control socket, engines, log and metrics.
 *
 * `makeProxyFactory` returns the factory that the controllers and `flm proxy run` use. A start that fails or is aborted
 * leaves no socket, thread, timer, handle or file. Parts close in reverse order of their start.
 */
import { closeSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { ProxyError } from '../core/errors.ts';
import type { ProxyFactory, RunningProxy, StartOptions, TakeOver } from '../core/proxy/ports.ts';
import type { ProxyHandle } from '../core/proxy/proxy-handle.ts';
import { clearTextWarning } from '../core/proxy/warnings.ts';
import type { LimitsHandOver } from '../core/security/limits-hand-over.ts';
import { startDemoEngine } from '../engines/demo-server.ts';
import { serveControl } from '../process/control-server.ts';
import { sweepStaleSockets } from '../process/control-socket.ts';
import { trimWhenIdle } from '../process/idle-memory.ts';
import type { PassedSocket } from '../process/passed-sockets.ts';
import { processStart } from '../process/process-identity.ts';
import { thisProgram } from '../process/this-program.ts';
import { schemaFit } from '../store/sqlite/schema-check.ts';
import type { ProxyStore } from '../store/store.ts';
import { logAuditHeads } from './audit-head-log.ts';
import { ScheduledBackups } from './backup/scheduled-backups.ts';
import { type Certificates, certificateFailure } from './certificates.ts';
import { tellEngineChanges } from './engine-log.ts';
import { loadLimits } from './fleet-limits.ts';
import type { Replaceable } from './hand-over.ts';
import { LiveControl } from './live-control.ts';
import type { Machine } from './machine.ts';
import { nodeReport } from './node-report.ts';
import { matchPassed } from './passed-listeners.ts';
import type { ProxyEngines } from './proxy-engines.ts';
import {
  makeEngines,
  makeGateway,
  makeStore,
  newNonce,
  openProxyCertificates,
  type ProxyLog,
  prepare,
  readStore,
  type Start,
} from './proxy-parts.ts';
import { loadTelemetry } from './telemetry-part.ts';

/** How often the log repeats that keys cross the network in plain text. */
const clearTextReminderMs = 3_600_000;

/** `replaceable`: how a successor may replace this process. `passed`: sockets that systemd opened for this process. */
export function makeProxyFactory(
  machine: Machine,
  log: ProxyLog,
  replaceable: Replaceable,
  passed: readonly PassedSocket[] = [],
): ProxyFactory {
  // Under load V8 learns to allocate parts of a request as old objects. There they keep whole requests alive until a full
  // collection, which costs a quarter of all CPU time (bench/ shows it).
  setFlagsFromString('--no-allocation-site-pretenuring');
  // Small buffers share pools of 64 KB. The bytes of a prompt would stay in memory until every buffer of its pool is free.
  Buffer.poolSize = 0;
  return (options, signal, takeOver) =>
    startProxy({ machine, log, replaceable, passed }, options, signal, takeOver);
}

interface Surroundings {
  readonly machine: Machine;
  readonly log: ProxyLog;
  readonly replaceable: Replaceable;
  readonly passed: readonly PassedSocket[];
}

/** The steps of a start, in order. A step that fails or is aborted closes the parts of the steps before it. */
async function startProxy(
  { machine, log, replaceable, passed }: Surroundings,
  options: StartOptions,
  signal: AbortSignal,
  takeOver: TakeOver | undefined,
): Promise<RunningProxy> {
  const parts = new AsyncDisposableStack();
  let closing: Promise<void> | undefined;
  // A part that fails to close has already logged the error. The other parts are still closed.
  const close = (): Promise<void> => (closing ??= parts.disposeAsync().catch(() => {}));
  // Leftover sockets of killed proxies are harmless, so the start does not wait for their removal.
  void sweepStaleSockets(machine.paths.run, machine.clock.nowMs());
  try {
    const start = prepare(machine, log, options, parts, takeOver);
    start.sockets = takeOver?.sockets ?? matchPassed(options, passed);
    const makeLimits = await loadLimits(machine);
    const telemetry = await loadTelemetry(start);
    const engines = makeEngines(start);
    const store = await makeStore(start);
    // A successor migrates last, because the predecessor must continue to serve if the successor fails before.
    const migrates = takeOver !== undefined && needsMigration(machine.paths.home);
    if (!migrates) await readStore(start, store, engines);
    signal.throwIfAborted();
    const certificates = await openProxyCertificates(start, store, signal);
    const serving = makeGateway(start, { engines, store, certificates, makeLimits, telemetry });
    const bound = await serving.gateway.bind(start.sockets.filter(({ use }) => use === 'clients'));
    start.port = bound.port;
    // The predecessor serves until everything is ready.
    if (takeOver === undefined) {
      await serving.fleet?.start();
      await serving.gateway.accept();
    }

    const stopped = new AbortController();
    const wanted = AbortSignal.any([signal, stopped.signal]);
    const control = new LiveControl({
      ...start,
      ...serving,
      handle: handleOf(start, bound),
      engines,
      store,
      storeProblem: () => start.storeProblem,
      certificates: certificates?.keeper,
      replaceable,
      finish: close,
      abortStart: () =>
        stopped.abort(new ProxyError('PROXY_START_FAILED', { params: { reason: 'it was stopped' } })),
    });
    if (!migrates) await openControl(start, store, control, serving.limits);
    wanted.throwIfAborted();
    await startDemo(start, engines);
    await closeWith(parts, tellEngineChanges(engines.service, start.logger));
    await untilReady(engines, certificates, wanted);
    if (takeOver !== undefined) {
      const state = await takeOver.prepared();
      wanted.throwIfAborted();
      if (migrates) {
        await readStore(start, store, engines);
        await openControl(start, store, control, serving.limits);
      }
      if (state !== undefined) await start.handOverParts.importState(state);
      await serving.fleet?.start();
      await serving.gateway.accept();
      await certificates?.keeper.accept?.();
      closeUnused(takeOver, [...serving.gateway.sockets(), ...(certificates?.keeper.sockets?.() ?? [])]);
    }
    await control.started();
    wanted.throwIfAborted();
    const { nodeName } = machine.stores();
    store.publish(() => nodeReport(control, nodeName));
    await startBackups(start);
    await logStarted(start, control.handle);
    const { gateway, metrics } = serving;
    const trim = { clock: machine.clock, inFlight: () => gateway.inFlight, handled: () => metrics.total };
    await closeWith(parts, trimWhenIdle(trim));
    const { logger } = start;
    await closeWith(parts, logAuditHeads({ store, logger, clock: machine.clock }));
    return {
      handle: control.handle,
      control,
      stopping: control.stopping,
      closed: control.closed,
      beforeHandOver: (f) => control.beforeHandOver(f),
      onHandOver: (f) => control.onHandOver(f),
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function needsMigration(home: string): boolean {
  try {
    return schemaFit(home).fit === 'older';
  } catch {
    // Opening the store reports the problem of the file.
    return false;
  }
}

function handleOf(
  { id, machine, options, takeOver }: Start,
  bound: { readonly port: number; readonly addresses: readonly string[] },
): ProxyHandle {
  return {
    id,
    pid: process.pid,
    port: bound.port,
    mode: options.config.mode,
    addresses: bound.addresses,
    startedAtMs: machine.clock.nowMs(),
    profile: options.profile,
    nonce: takeOver?.nonce ?? newNonce(machine.secrets),
    processStart: processStart(process.pid),
    controlPath: machine.paths.controlPath(id),
    draining: false,
    starting: true,
  };
}

/** If no process accepts on a socket, its clients wait forever. */
function closeUnused({ sockets }: TakeOver, used: readonly { readonly fd: number }[]): void {
  const inUse = new Set(used.map(({ fd }) => fd));
  for (const { fd } of sockets) if (!inUse.has(fd)) closeSync(fd);
}

/** Saves the handle before the socket exists: the clean-up after a killed process finds the socket by the handle. */
async function openControl(
  start: Start,
  store: ProxyStore,
  control: LiveControl,
  limits: LimitsHandOver,
): Promise<void> {
  const { id, nonce, controlPath } = control.handle;
  const { parts } = start;
  parts.defer(() => store.deleteHandle(id, nonce));
  await store.saveHandle(control.handle);
  const server = await serveControl(control, {
    path: controlPath,
    nonce,
    admin: start.admin,
    actor: `control:${start.machine.userName()}`,
    connectLink: (link, connection) => limits.connect(link, connection),
  });
  await closeWith(parts, () => server.close());
}

async function startDemo({ config, id, machine, parts }: Start, engines: ProxyEngines): Promise<void> {
  if (!config.demo) return;
  const socketPath = machine.paths.controlPath(`${id}_demo`);
  const demo = await startDemoEngine({ socketPath, clock: machine.clock });
  await closeWith(parts, () => demo.close());
  engines.service.setDemo(demo.ref);
}

async function startBackups({ machine, logger, parts }: Start): Promise<void> {
  const { clock, environment, paths } = machine;
  const program = thisProgram(process.argv[1] ?? '');
  const backups = new ScheduledBackups({ home: paths.home, program, environment, clock, logger });
  await closeWith(parts, () => backups.close());
}

/** Resolves when the engines were probed once and a certificate is stored. Throws the reason of the signal. */
async function untilReady(
  engines: ProxyEngines,
  certificates: Certificates | undefined,
  wanted: AbortSignal,
): Promise<void> {
  await Promise.all([
    // `service.stop()` ends the watching, not a signal.
    engines.service.start(new AbortController().signal),
    // An ACME server may have to connect to the listener, which is open by now.
    certificates?.keeper.ready(wanted).catch((error: unknown) => {
      throw certificateFailure(error);
    }),
  ]);
  wanted.throwIfAborted();
}

async function logStarted(
  { id, machine, logger, parts, takeOver }: Start,
  handle: ProxyHandle,
): Promise<void> {
  const { profile, port, addresses } = handle;
  const replaces = takeOver === undefined ? {} : { replaces: takeOver.predecessorId };
  logger.event('info', 'started', {
    proxy: id,
    profile,
    port,
    addresses,
    version: machine.version,
    ...replaces,
  });
  const clear = clearTextWarning(handle);
  if (clear === undefined) return;
  logger.event('warn', clear);
  await closeWith(
    parts,
    machine.clock.every(clearTextReminderMs, () => logger.event('warn', clear)),
  );
}

/** Closes a part when the proxy ends: at once if a stop over the control socket has ended the proxy already. */
async function closeWith(parts: AsyncDisposableStack, close: () => void | Promise<void>): Promise<void> {
  if (parts.disposed) await close();
  else parts.defer(close);
}
