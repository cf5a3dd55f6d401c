/**
 * One running proxy, put together by hand: store feed, snapshots, engines, gateway, log, metrics, control socket.
 *
 * `makeProxyFactory` gives the factory that the controllers and `flm proxy run` use. Whatever fails on the way up is
 * undone on the way out: a start that fails leaves no socket, thread, timer, handle or file. What ends is ended in the
 * order in which clients notice it least: listener, answers, engines, control socket, handle, store.
 */
import { setFlagsFromString } from 'node:v8';
import type { Clock } from '../core/clock.ts';
import type { EngineService } from '../core/engine/engine-service.ts';
import { type LogLevel, ProxyError } from '../core/errors.ts';
import { connectionsWithin } from '../core/proxy/limits.ts';
import type { ProxyFactory, RunningProxy, StartOptions } from '../core/proxy/ports.ts';
import { base62 } from '../core/security/base62.ts';
import { GcraLimiter } from '../core/security/rate-limiter.ts';
import { parsePolicy, type SecurityPolicy } from '../core/security/security-policy.ts';
import { SnapshotHolder } from '../core/security/snapshot.ts';
import { startDemoEngine } from '../engines/demo-server.ts';
import { Gateway } from '../gateway/gateway.ts';
import { LogQuota } from '../observe/log-quota.ts';
import { createLogger, type LogDestination } from '../observe/logger.ts';
import { Metrics } from '../observe/metrics.ts';
import { Refusals } from '../observe/refusals.ts';
import { TailHub } from '../observe/tail.ts';
import { serveControl } from '../process/control-server.ts';
import { processStart } from '../process/process-identity.ts';
import { sweepStaleSockets } from '../process/stale-sockets.ts';
import { openProxyStore } from '../store/sqlite/proxy-store.ts';
import { EngineUpstream } from '../upstream/upstream.ts';
import { certificateFailure, openCertificates } from './certificates.ts';
import { tellEngineChanges } from './engine-log.ts';
import { chatUsage, FanOutRecorder } from './fan-out-recorder.ts';
import { clearTextWarning, LiveControl } from './live-control.ts';
import type { Machine } from './machine.ts';
import { makeProxyEngines } from './proxy-engines.ts';
import { TemporaryKeyRing } from './temporary-keys.ts';
import { UndoList } from './undo-list.ts';

export interface ProxyLog {
  readonly destination: LogDestination;
  readonly level: LogLevel;
}

/** Engines on this machine answer within milliseconds; those that do not are waited for behind the open door. */
const firstEnginesMs = 300;

/** How often the log repeats that keys cross the network in plain text. */
const clearTextReminderMs = 3_600_000;

export function makeProxyFactory(machine: Machine, log: ProxyLog): ProxyFactory {
  // V8 learns under load that parts of a request outlive a collection, puts them among the old objects from then on, and
  // there, dead, they keep whole requests alive until a full collection: a quarter of all CPU time. bench/ shows it.
  setFlagsFromString('--no-allocation-site-pretenuring');
  // Small buffers share pools of 64 KB, in which the bytes of a prompt stay until every other buffer of the pool is gone.
  Buffer.poolSize = 0;
  return (options, signal) => startProxy(machine, log, options, signal);
}

async function startProxy(
  machine: Machine,
  log: ProxyLog,
  options: StartOptions,
  signal: AbortSignal,
): Promise<RunningProxy> {
  const { clock, paths } = machine;
  const maxConnections = connectionsWithin(options.config.limits, machine.descriptorLimit());
  const config = { ...options.config, limits: { ...options.config.limits, maxConnections } };
  const id = `px_${base62(machine.secrets.randomBytes(6), 8)}`;
  const undo = new UndoList();
  // What killed proxies left is in nobody's way, so nobody waits for this.
  void sweepStaleSockets(paths.run, clock.nowMs());
  try {
    const logger = createLogger(log);
    const quota = new LogQuota(logger, clock);
    undo.add(() => quota.close());
    const policyOf = (base: SecurityPolicy): SecurityPolicy =>
      config.policy === undefined ? base : parsePolicy({ ...base, ...config.policy });
    const snapshots = new SnapshotHolder(policyOf(parsePolicy({})));
    const temporaryKeys = new TemporaryKeyRing(machine.secrets, clock);

    const onError = (error: unknown): void =>
      logger.event('error', 'flm made a mistake of its own', { error: stackOf(error) });
    const upstream = new EngineUpstream({
      clock,
      poolIdleMs: config.limits.enginePoolIdleMs,
      onHandlerError: onError,
    });
    undo.add(() => upstream.close());
    let ownPort = 0;
    const room = makeProxyEngines(options, machine, upstream, () => ownPort);
    undo.add(() => room.service.stop());

    const store = openProxyStore({ home: paths.home, clock });
    undo.add(() => store.close());
    let storeProblem: string | undefined;
    await store.start({
      changed(change) {
        if (change.keys !== undefined || change.policy !== undefined) {
          snapshots.apply({
            ...(change.keys === undefined ? {} : { keys: change.keys }),
            ...(change.policy === undefined ? {} : { policy: policyOf(change.policy) }),
          });
        }
        if (change.engines !== undefined) room.setSaved(change.engines);
        if (change.aliases !== undefined) room.service.configure({ aliases: change.aliases });
      },
      problem(text) {
        storeProblem = text;
        if (text === undefined) logger.event('info', 'the store can be used again');
        else logger.event('error', text);
      },
    });
    signal.throwIfAborted();

    const certificates = await openCertificates(
      options,
      {
        machine,
        logger,
        quota,
        port: () => ownPort,
        keyId: (secret) => snapshots.current().keysByDigest.get(machine.secrets.sha256Hex(secret))?.id,
      },
      signal,
    );
    undo.add(() => certificates?.keeper.close());

    const tail = new TailHub();
    const refusals = new Refusals();
    const metrics = new Metrics(() => ({
      inFlight: gateway.inFlight,
      connections: gateway.connections,
      bufferedBytes: gateway.bufferedBytes,
      keys: snapshots.current().keysById.size,
      storeReadable: storeProblem === undefined,
      engines: room.service.engines(),
      queues: gateway.queues(),
      certificate: certificates?.keeper.facts(),
      logLinesLost: log.destination.lostLines ?? 0,
    }));
    const gateway = new Gateway({
      config,
      version: machine.version,
      hostname: machine.hostname,
      clock,
      snapshots,
      temporaryKeys,
      directory: room.service,
      upstream,
      limiter: new GcraLimiter(),
      ledger: store,
      account: new FanOutRecorder({
        logger,
        quota,
        metrics,
        tail,
        refusals,
        ledger: store,
        clock,
        bookedOn(keyId) {
          const familyId = snapshots.current().keysById.get(keyId)?.familyId;
          if (familyId !== undefined) return { keyId, familyId };
          return temporaryKeys.has(keyId) ? chatUsage : undefined;
        },
        actor: `proxy:${id}`,
      }),
      metrics: () => metrics.text(),
      onError,
      idPrefix: base62(machine.secrets.randomBytes(6), 7),
      ...(certificates === undefined ? {} : { tls: certificates.tls }),
    });
    undo.add(async () => {
      await gateway.stop(0);
    });
    const bound = await gateway.listen();
    ownPort = bound.port;

    const stopped = new AbortController();
    const wanted = AbortSignal.any([signal, stopped.signal]);
    const control = new LiveControl({
      handle: {
        id,
        pid: process.pid,
        port: bound.port,
        mode: config.mode,
        addresses: bound.addresses,
        startedAtMs: clock.nowMs(),
        profile: options.profile,
        nonce: base62(machine.secrets.randomBytes(16), 22),
        processStart: processStart(process.pid),
        controlPath: paths.controlPath(id),
        draining: false,
        starting: true,
      },
      options,
      machine,
      gateway,
      engines: room,
      snapshots,
      store,
      metrics,
      tail,
      refusals,
      temporaryKeys,
      logger,
      storeProblem: () => storeProblem,
      certificates: certificates?.keeper,
      finish: () => undo.run(),
      abortStart: () =>
        stopped.abort(new ProxyError('PROXY_START_FAILED', { params: { reason: 'it was stopped' } })),
    });
    const { nonce, controlPath } = control.handle;
    // The handle first: whoever cleans up after a killed process finds the socket by it.
    undo.add(() => store.deleteHandle(id, nonce));
    await store.saveHandle(control.handle);
    const controlServer = await serveControl(control, { path: controlPath, nonce });
    undo.add(() => controlServer.close());
    wanted.throwIfAborted();

    if (config.demo) {
      const demo = await startDemoEngine({ socketPath: paths.controlPath(`${id}_demo`), clock });
      undo.add(() => demo.close());
      room.service.setDemo(demo.ref);
    }
    undo.add(tellEngineChanges(room.service, logger));
    // The CA may have to come in by the listener, so it stands by now.
    await Promise.all([
      firstEngines(room.service, clock),
      certificates?.keeper.ready(wanted).catch((error: unknown) => {
        throw certificateFailure(error);
      }),
    ]);
    wanted.throwIfAborted();
    await control.started();
    wanted.throwIfAborted();
    logger.event('info', 'started', {
      proxy: id,
      profile: options.profile,
      port: bound.port,
      addresses: bound.addresses,
      version: machine.version,
    });
    const clear = clearTextWarning(control.handle);
    if (clear !== undefined) {
      logger.event('warn', clear);
      undo.add(clock.every(clearTextReminderMs, () => logger.event('warn', clear)));
    }
    return { handle: control.handle, control, closed: control.closed };
  } catch (error) {
    await undo.run();
    throw error;
  }
}

async function firstEngines(service: EngineService, clock: Clock): Promise<void> {
  let cancel = (): void => {};
  const late = new Promise<void>((resolve) => {
    cancel = clock.after(firstEnginesMs, resolve);
  });
  // Ended by `stop`, not by a signal.
  await Promise.race([service.start(new AbortController().signal), late]);
  cancel();
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
