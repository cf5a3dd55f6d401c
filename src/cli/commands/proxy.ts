/**
 * `flm proxy`: start, stop, restart, status, logs, run.
 */
import assert from 'node:assert/strict';
import { type Command, Option } from 'commander';
import { crashesOf } from '../../app/crashed-proxies.ts';
import { profileOfLog } from '../../app/proxy-logs.ts';
import { StoreError } from '../../core/errors.ts';
import { type CrashDocument, type ProxyDocument, proxyDocument } from '../../core/proxy/proxy-document.ts';
import type { ProxyHandle } from '../../core/proxy/proxy-handle.ts';
import type { ProxyView, StoppedProxy } from '../../core/proxy/proxy-service.ts';
import { noProxy } from '../../core/proxy/warnings.ts';
import { action, type Cli, group, leaf, type Session, usageError } from '../command.ts';
import { addConfigFlags, type ConfigFlags, number, overridesOf } from '../config-flags.ts';
import { t } from '../i18n/texts.ts';
import { translated } from '../i18n/translated.ts';
import { runInForeground, startWithNotice } from '../start-proxy.ts';
import { whileWaiting } from '../terminal/progress.ts';
import { crashText } from '../views/crash-view.ts';
import { fleetText } from '../views/fleet-view.ts';
import { followLog } from '../views/log-view.ts';
import { proxiesText, proxyText } from '../views/status-view.ts';

const texts = t.proxy;
const waits = t.progress;

interface StartFlags extends ConfigFlags {
  readonly save?: boolean;
}

/** Most stops and restarts are faster, and then no message is shown. */
const patienceMs = 2_000;

export function proxyCommands(cli: Cli): Command {
  return group('proxy', texts.about.proxy, [
    start(cli),
    stop(cli),
    restart(cli),
    statusCommand(cli, 'flm proxy status'),
    logs(cli),
    run(cli),
  ]);
}

function start(cli: Cli): Command {
  const command = leaf(
    'start',
    texts.about.start,
    'flm proxy start\nflm proxy start lab --port 0 --engine http://127.0.0.1:8000',
  ).argument('[profile]', texts.options.profile, 'default');
  return addConfigFlags(command)
    .option('--save', texts.options.save)
    .action(
      action(cli, async (session, flags: StartFlags, profile: string) => {
        const { proxies } = session.flm;
        const request = { profile, overrides: overridesOf(flags), save: flags.save === true };
        const handle = await startWithNotice(session, request, () => proxies.start(request, session.signal));
        await tellStarted(session, handle, texts.done.started);
      }),
    );
}

function stop(cli: Cli): Command {
  return leaf('stop', texts.about.stop, 'flm proxy stop\nflm proxy stop --all --grace 5')
    .argument('[proxy]', texts.options.proxy)
    .option('--all', texts.options.all)
    .option('--grace <seconds>', texts.options.grace)
    .action(
      action(
        cli,
        async (session, flags: { all?: boolean; grace?: string }, which: string | undefined) => {
          if (flags.all === true && which !== undefined) throw usageError('proxy stop', texts.oneOrAll);
          const graceMs = graceOf(flags.grace, 'proxy stop');
          const { proxies } = session.flm;
          // By default each proxy has a grace time of its own, so the longest time is not known here.
          const wait = {
            text: waits.stop,
            patienceMs,
            ...(graceMs === undefined ? {} : { limitMs: graceMs }),
          };
          const stopped = await whileWaiting(session.terminal, session.flm.machine.clock, wait, async () =>
            flags.all === true ? proxies.stopAll(graceMs) : [await proxies.stop(which, graceMs)],
          );
          if (session.json) {
            session.terminal.out(JSON.stringify({ stopped: stopped.map(stoppedDocument) }));
            return;
          }
          if (stopped.length === 0) session.terminal.talk(texts.noneRuns);
          for (const s of stopped) tellStopped(session, s);
          for (const profile of new Set(stopped.map(({ handle }) => handle.profile)))
            await tellDraining(session, profile);
        },
        { withoutStore: true },
      ),
    );
}

function restart(cli: Cli): Command {
  const command = leaf(
    'restart',
    texts.about.restart,
    'flm proxy restart lab\nflm proxy restart lab --mode dev-selfsigned',
  ).argument('[proxy]', texts.options.proxy);
  return addConfigFlags(command).action(
    action(cli, async (session, flags: ConfigFlags, which: string | undefined) => {
      const { flm, signal } = session;
      const overrides = overridesOf(flags);
      // This option also limits how long the old process may take to finish its responses.
      const grace = overrides.graceMs === undefined ? {} : { graceMs: overrides.graceMs };
      const request = { overrides, program: flm.launch, ...grace };
      const handle = await whileWaiting(
        session.terminal,
        flm.machine.clock,
        { text: waits.successor, patienceMs },
        () => flm.proxies.restart(which, request, signal),
      );
      await tellStarted(session, handle, texts.done.restarted);
      await tellDraining(session, handle.profile);
    }),
  );
}

interface StatusFlags {
  readonly watch?: boolean;
  readonly check?: boolean;
  readonly fleet?: boolean;
}

/** Throws FLEET_NONE. */
async function showFleet(session: Session, { watch }: StatusFlags): Promise<void> {
  const { flm, terminal, json, signal } = session;
  for (;;) {
    const fleet = await flm.fleet();
    if (fleet === undefined) throw new StoreError('FLEET_NONE');
    const text = json ? JSON.stringify(fleet) : fleetText(fleet, terminal, flm.machine.clock.nowMs());
    if (watch !== true) return terminal.out(text);
    terminal.redraw(text);
    if (signal.aborted) return;
    await pause(session, 2_000);
    if (signal.aborted) return;
  }
}

/** `flm status`, which is also `flm proxy status`. */
export function statusCommand(cli: Cli, name = 'flm status'): Command {
  return leaf('status', texts.about.status, `${name}\n${name} lab\n${name} --check`)
    .argument('[proxy]', texts.options.proxyOrAll)
    .option('--watch', texts.options.watch)
    .option('--check', texts.options.check)
    .option('--fleet', texts.options.fleet)
    .action(
      action(
        cli,
        async (session, flags: StatusFlags, which: string | undefined) => {
          if (flags.fleet === true) {
            if (which !== undefined || flags.check === true)
              throw usageError('proxy status', t.fleet.notWithProxy);
            return showFleet(session, flags);
          }
          for (;;) {
            const { proxies } = session.flm;
            const isMeant = ({ id, profile }: { readonly id: string; readonly profile: string }): boolean =>
              which === undefined || id === which || profile === which;
            const views = (await proxies.status()).filter(({ handle }) => isMeant(handle));
            const crashes = (await crashesOf(session.flm)).filter(isMeant);
            // Reports that no such proxy runs.
            if (which !== undefined && views.length + crashes.length === 0) await proxies.find(which);
            const { terminal } = session;
            const text = statusText(session, views, crashes, which !== undefined);
            if (flags.check === true) cli.exit = views.some(({ state }) => state === 'running') ? 0 : 1;
            if (flags.watch === true) terminal.redraw(text);
            else terminal.out(text);
            if (flags.watch !== true || session.signal.aborted) return;
            await pause(session, 2_000);
            if (session.signal.aborted) return;
          }
        },
        { withoutStore: true },
      ),
    );
}

function logs(cli: Cli): Command {
  return leaf('logs', texts.about.logs, 'flm proxy logs --follow')
    .argument('[proxy]', texts.options.proxyOrProfile, 'default')
    .option('-n, --lines <number>', texts.options.lines, '50')
    .option('-f, --follow', texts.options.follow)
    .action(
      action(cli, async (session, flags: { lines: string; follow?: boolean }, which: string) => {
        const lines = Number(flags.lines);
        if (!Number.isInteger(lines) || lines < 0) throw usageError('proxy logs', texts.badLines);
        const { terminal, json } = session;
        const readable = terminal.outIsTerminal && !json;
        const path = session.flm.machine.paths.logFile(await profileOfLog(session.flm, which));
        await followLog(session, { path, lines, follow: flags.follow === true, readable });
      }),
    );
}

function run(cli: Cli): Command {
  const command = leaf('run', texts.about.run, 'flm proxy run --port 8484 2>> /var/log/flm.log').argument(
    '[profile]',
    texts.options.profile,
    'default',
  );
  const inForeground = action(
    cli,
    async (session, flags: StartFlags & { logTo?: string }, profile: string) => {
      if (session.json && flags.logTo === 'stdout') throw usageError('proxy run', texts.logOrJson);
      const request = { profile, overrides: overridesOf(flags), save: flags.save === true };
      const { runLog } = cli;
      assert(runLog !== undefined, 'the entry of the command line opens it for this command');
      const running = await runInForeground(session, request, runLog.proxyLog);
      const status = running.control.status();
      for (const warning of status.warnings) runLog.event('warn', warning);
      // Stdout stays empty unless --json is given.
      if (session.json)
        tellProxy(session, { state: 'running', handle: running.handle, status }, texts.done.running);
      await running.closed;
    },
  );
  return addConfigFlags(command)
    .option('--save', texts.options.save)
    .addOption(new Option('--log-to <stream>', texts.options.logTo).choices(['stderr', 'stdout']))
    .action(inForeground);
}

/** Replaced processes that still have client connections. */
async function tellDraining(session: Session, profile: string): Promise<void> {
  const draining = (await session.flm.proxies.list()).filter((h) => h.draining && h.profile === profile);
  for (const { id } of draining) session.terminal.talk(texts.draining(id));
}

async function tellStarted(session: Session, handle: ProxyHandle, done: string): Promise<void> {
  const views = await session.flm.proxies.status();
  const view = views.find((v) => v.handle.nonce === handle.nonce);
  if (view !== undefined) tellProxy(session, view, done);
}

function tellProxy(session: Session, view: ProxyView, done: string): void {
  const proxy = proxyDocument(view);
  if (session.json) session.terminal.out(JSON.stringify(proxy));
  else {
    session.terminal.out(done);
    session.terminal.out(proxyText(proxy, session.terminal));
  }
}

function statusText(
  { terminal, json }: Session,
  views: readonly ProxyView[],
  crashes: readonly CrashDocument[],
  inDetail: boolean,
): string {
  const documents: readonly ProxyDocument[] = views.map((view) => proxyDocument(view));
  if (json)
    return JSON.stringify({ proxies: documents, ...(crashes.length > 0 ? { crashed: crashes } : {}) });
  const details = inDetail ? documents.map((d) => proxyText(d, terminal)) : [];
  const running = inDetail || documents.length === 0 ? details : [proxiesText(documents, terminal)];
  const ended = crashes.map((crash) => crashText(crash, terminal));
  return [...(running.length > 0 ? running : [translated(noProxy.message)]), ...ended].join('\n\n');
}

function stoppedDocument({ handle, report }: StoppedProxy) {
  const { id, pid, port, profile } = handle;
  return { id, pid, port, profile, ...report };
}

function tellStopped({ terminal }: Session, stopped: StoppedProxy): void {
  terminal.out(stoppedText(stopped));
  for (const key of stopped.report.forgottenRevocations ?? [])
    terminal.talk(`${terminal.paint('yellow', '!')} ${texts.forgottenRevocation(key)}`);
}

function stoppedText({ handle, report }: StoppedProxy): string {
  const { id, profile } = handle;
  const seconds = (report.tookMs / 1000).toFixed(1);
  return report.cut === 0
    ? texts.stopped(id, profile, seconds)
    : texts.stoppedWithCuts(id, profile, seconds, report.cut, report.running);
}

function graceOf(text: string | undefined, command: string): number | undefined {
  const seconds = number(text);
  if (seconds === undefined) return undefined;
  if (typeof seconds === 'number' && seconds >= 0 && seconds <= 3600) return Math.round(seconds * 1000);
  throw usageError(command, texts.badGrace);
}

function pause(session: Session, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    session.signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
