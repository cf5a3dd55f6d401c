/**
 * `flm up`: from nothing to a working, safe endpoint in one command. Finds engines, starts a proxy, makes a key where
 * there is none, sends a test request through the proxy, and prints the settings for clients. If the proxy already runs,
 * it shows the running proxy.
 */
import process from 'node:process';
import type { Command } from 'commander';
import { askProxy } from '../../app/proxy-check.ts';
import { canProbablyChat } from '../../core/engine/chat-models.ts';
import type { RunningProxy } from '../../core/proxy/ports.ts';
import type { ProxyConfig } from '../../core/proxy/proxy-config.ts';
import { type ProxyDocument, proxyDocument } from '../../core/proxy/proxy-document.ts';
import { type ProxyHandle, type ProxyStatus, proxyUrl } from '../../core/proxy/proxy-handle.ts';
import type { ProxyView, StartRequest } from '../../core/proxy/proxy-service.ts';
import { isUsable } from '../../core/security/api-key.ts';
import type { CreatedKey } from '../../core/security/security-service.ts';
import { action, type Cli, leaf, type Session } from '../command.ts';
import { addConfigFlags, type ConfigFlags, configFlagsText, overridesOf } from '../config-flags.ts';
import { type ExposureQuestion, exposedEngines } from '../exposed-engines.ts';
import { t } from '../i18n/texts.ts';
import { translated } from '../i18n/translated.ts';
import { runInForeground, startWithNotice } from '../start-proxy.ts';
import { facts, hanging, printable } from '../terminal/layout.ts';
import { exportLine, requestCommand, type UserShell, userShell } from '../terminal/user-shell.ts';
import { certificateText, telemetryText } from '../views/status-view.ts';

const texts = t.up;

interface UpFlags extends ConfigFlags {
  readonly detach?: boolean;
  readonly newKey?: boolean;
}

const keyTtlMs = 60_000;
const keyVariable = 'FLM_API_KEY';

export function upCommand(cli: Cli): Command {
  const command = leaf('up', texts.help, 'flm up\nflm up --detach --engine http://127.0.0.1:8000').argument(
    '[profile]',
    texts.arguments.profile,
    'default',
  );
  return addConfigFlags(command)
    .option('-d, --detach', texts.options.detach)
    .option('--new-key', texts.options.newKey)
    .action(
      action(cli, async (session, flags: UpFlags, profile: string) => {
        const running = await runningProxy(session, profile);
        if (running !== undefined) {
          await tell(session, running, await keyFor(session, flags), 'already');
          return tellDifferences(session, running, flags);
        }
        // The demo stands in until a real engine is found.
        const isSet = session.flm.proxies.environment().config.demo !== undefined;
        const overrides = { ...(isSet ? {} : { demo: true }), ...overridesOf(flags) };
        const request = { profile, overrides, save: false };
        if (flags.detach === true) {
          const handle = await startWithNotice(session, request, () =>
            session.flm.proxies.start(request, session.signal),
          );
          const view = await viewOf(session, handle);
          return tell(session, view, await keyFor(session, flags), 'detached');
        }
        await upInForeground(session, request, flags);
      }),
    );
}

/** Flags that differ from the running proxy are never ignored silently. */
async function tellDifferences(session: Session, running: ProxyView, flags: UpFlags): Promise<void> {
  if (!('status' in running)) return;
  const { config, overrides } = running.status;
  const { profile } = running.handle;
  const given = overridesOf(flags);
  const wanted = await session.flm.proxies.startOptions({ profile, overrides: { ...overrides, ...given } });
  const differing = (Object.keys(given) as (keyof ProxyConfig)[]).filter(
    (field) => JSON.stringify(wanted.config[field]) !== JSON.stringify(config[field]),
  );
  if (differing.length === 0) return;
  const { terminal } = session;
  const has = differing.map((field) => `${field} ${shownValue(config[field])}`).join(', ');
  const said = texts.differs(printable(has), profile, configFlagsText(flags));
  terminal.talk(`${terminal.paint('yellow', '!')} ${said}`);
}

function shownValue(value: unknown): string {
  return value === undefined ? texts.byDefault : typeof value === 'string' ? value : JSON.stringify(value);
}

async function upInForeground(session: Session, request: StartRequest, flags: UpFlags): Promise<void> {
  const log = session.flm.openLog(request.profile);
  let running: RunningProxy | undefined;
  try {
    running = await runInForeground(session, request, { destination: log, level: 'info' });
    const view: ProxyView = { state: 'running', handle: running.handle, status: running.control.status() };
    await tell(session, view, await keyFor(session, flags), 'foreground');
    await running.closed;
    if (!session.json) session.terminal.talk(texts.stopped);
  } finally {
    if (!(await log.close())) session.cli.logIsStuck = true;
  }
}

async function runningProxy(session: Session, profile: string): Promise<ProxyView | undefined> {
  const views = await session.flm.proxies.status();
  return views.find((v) => v.state === 'running' && v.handle.profile === profile);
}

async function viewOf(session: Session, handle: ProxyHandle): Promise<ProxyView> {
  const views = await session.flm.proxies.status();
  return views.find((v) => v.handle.nonce === handle.nonce) ?? { state: 'not-answering', handle };
}

/**
 * Makes a key if none is usable or if the user asks for one. Runs after the start, so that a failed start makes no key.
 */
async function keyFor(session: Session, flags: UpFlags): Promise<CreatedKey | undefined> {
  const { security, machine } = session.flm;
  const nowMs = machine.clock.nowMs();
  const usable = (await security.records()).some((r) => isUsable(r, nowMs) && r.scopes.includes('inference'));
  if (usable && flags.newKey !== true) return undefined;
  // Shorter than the limit for labels, because a number may be appended.
  const label = await security.freeLabel(`${machine.userName()}@${machine.hostname}`.slice(0, 90));
  return security.createKey({ label });
}

type How = 'already' | 'detached' | 'foreground';

async function tell(
  session: Session,
  view: ProxyView,
  created: CreatedKey | undefined,
  how: How,
): Promise<void> {
  const status = 'status' in view ? view.status : undefined;
  const url = status?.url ?? proxyUrl(view.handle);
  let proxy = proxyDocument(view, url);
  const authorityFile = proxy.certificate?.authorityFile;
  const clientCaFile = status?.config.clientCaFile;
  // Runs beside the question for models. A proxy that runs already was looked at when it started, and watches since.
  const isNew = how !== 'already' && !session.json;
  const looking = isNew ? engineIdsSeenByOthers(session, status?.engines ?? []) : [];
  const models =
    status !== undefined && clientCaFile !== undefined
      ? modelsAsTold(session, clientCaFile, status.engines)
      : await modelsThroughProxy(session, view.handle);
  // A real engine may have answered since the status was asked for, and then its models are told, too.
  if (status?.engines.every(({ ref }) => ref.kind === 'demo')) {
    const now = await viewOf(session, view.handle);
    if ('status' in now) proxy = proxyDocument(now, url);
  }
  const request = {
    url: `${url}/v1/chat/completions`,
    body: bodyFor(models),
    key: undefined,
    authorityFile,
    clientCertificate: clientCaFile !== undefined,
  };
  const { terminal } = session;
  const exposed = await looking;
  if (session.json) {
    const key = created === undefined ? null : { id: created.record.id, key: created.key };
    const curl = requestCommand('posix', { ...request, key: created?.key });
    return terminal.out(JSON.stringify({ ...proxy, modelNames: models, key, curl }));
  }
  const shell = userShell(process.platform, session.cli.environment);
  terminal.out(
    upText(session, { proxy, created, models, request: requestCommand(shell, request), shell, how }),
  );
  // The proxy may not have looked yet, and warns only of engines on this machine.
  const unsaid = exposed.filter(
    (id) => !(proxy.warnings ?? []).some((warning) => warning.includes(`Engine ${id} `)),
  );
  if (unsaid.length > 0)
    terminal.talk(
      hanging(
        `${terminal.paint('yellow', '!')} `,
        texts.exposed(unsaid.map(printable).join(', ')),
        terminal.tableColumns,
      ),
    );
}

function engineIdsSeenByOthers(
  { flm, signal }: Session,
  engines: ProxyStatus['engines'],
): Promise<readonly string[]> {
  const { clock } = flm.machine;
  const exposure: ExposureQuestion = (ref, limited) => flm.discovery.exposure(ref, limited);
  return exposedEngines({ engines, exposure, clock, platform: process.platform }, signal);
}

async function modelsThroughProxy(session: Session, handle: ProxyHandle): Promise<readonly string[]> {
  const key = await session.flm.control(handle).temporaryKey(keyTtlMs, session.signal);
  if (key === 'gone') return [];
  const own = await session.flm.certificates.known();
  // Through this machine's own address: some networks do not route a public domain back to the same network.
  const answer = await askProxy(proxyUrl(handle), key.key, session.signal, own);
  if (answer.ok) return answer.models;
  session.terminal.talk(
    `${session.terminal.paint('yellow', '!')} ${texts.noAnswer(translated(answer.reason))}`,
  );
  return [];
}

/** Without a client certificate flm cannot send a test request, so the models are those that the engines report. */
function modelsAsTold(
  { terminal }: Session,
  clientCaFile: string,
  engines: ProxyStatus['engines'],
): readonly string[] {
  terminal.talk(`${terminal.paint('yellow', '!')} ${texts.clientCertificate(printable(clientCaFile))}`);
  return [...new Set(engines.flatMap((e) => e.models.map((m) => m.id)))];
}

interface UpView {
  readonly proxy: ProxyDocument;
  readonly created: CreatedKey | undefined;
  readonly models: readonly string[];
  readonly request: string;
  readonly shell: UserShell;
  readonly how: How;
}

function upText({ terminal }: Session, view: UpView): string {
  const { paint, link, tableColumns } = terminal;
  const { proxy, created, models, request, shell, how } = view;
  const name = texts.facts;
  const indented = (text: string): string => `  ${text.replaceAll('\n', '\n  ')}`;
  const lines = facts(
    [
      [`  ${name.endpoint}`, link(paint('cyan', proxy.baseUrl), proxy.url)],
      [`  ${name.models}`, modelsText(models)],
      [`  ${name.network}`, proxy.networkUrls?.map((u) => paint('cyan', `${u}/v1`)).join('\n') || undefined],
      [`  ${name.reach}`, proxy.reach === undefined ? undefined : translated(proxy.reach)],
      [`  ${name.certificate}`, certificateText(proxy.certificate)],
      [`  ${name.telemetry}`, telemetryText(proxy)],
      [`  ${name.key}`, created === undefined ? texts.existingKey : undefined],
    ],
    tableColumns,
  );
  const secret =
    created === undefined
      ? []
      : [paint('bold', texts.newKey), '', indented(exportLine(shell, keyVariable, created.key)), ''];
  const warnings = (proxy.warnings ?? [])
    // The key was made after the status was asked for.
    .filter((w) => created === undefined || !w.startsWith('No key'))
    .map((w) => hanging(`${paint('yellow', '!')} `, printable(translated(w)), tableColumns));
  return [
    paint('bold', texts.first[how](proxy.id)),
    '',
    lines,
    '',
    ...secret,
    how === 'foreground' ? texts.tryIt.elsewhere : texts.tryIt.here,
    '',
    indented(request),
    '',
    ...(warnings.length > 0 ? [...warnings, ''] : []),
    hanging('', texts.next(texts.last[how]), tableColumns),
  ].join('\n');
}

const shownModels = 8;

function modelsText(models: readonly string[]): string {
  if (models.length === 0) return texts.noModels;
  const names = models.slice(0, shownModels).map(printable);
  return texts.models(names.join(', '), models.length - names.length);
}

/** The body of a small request. A model that only embeds cannot chat. */
function bodyFor(models: readonly string[]): string {
  const model = models.find(canProbablyChat) ?? models[0] ?? 'MODEL';
  return JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello' }] });
}
