/**
 * `flm service`: install, uninstall, status, logs. Nothing is changed before the user has seen what will be done.
 */
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Command } from 'commander';
import type {
  InstallRequest,
  MachineServices,
  ServiceKind,
  ServicePlan,
  ServiceStep,
  ServiceUnit,
} from '../../app/machine-services.ts';
import { ServiceError } from '../../core/errors.ts';
import { textIn } from '../../core/named-text.ts';
import { type BareSession, bareAction, type Cli, group, leaf, usageError } from '../command.ts';
import { addConfigFlags, type ConfigFlags, configFlagWords, overridesOf } from '../config-flags.ts';
import { messageForPeople } from '../i18n/error-texts.ts';
import { t } from '../i18n/texts.ts';
import { printable } from '../terminal/layout.ts';
import { confirm } from '../terminal/question.ts';
import { readableLine } from '../views/log-line.ts';
import { type ServiceDocument, serviceText } from '../views/service-view.ts';

const texts = t.service;
const { about, options } = texts;

interface KindFlags {
  readonly system?: boolean;
  readonly user?: boolean;
}

export interface PlanFlags {
  readonly yes?: boolean;
  readonly dryRun?: boolean;
}

interface InstallFlags extends KindFlags, PlanFlags, ConfigFlags {
  readonly account: string;
  readonly socket?: boolean;
  readonly replace?: boolean;
  readonly stop?: boolean;
  readonly copyData?: boolean;
}

export function serviceCommands(cli: Cli): Command {
  return group('service', about.service, [install(cli), uninstall(cli), status(cli), logs(cli)]);
}

function install(cli: Cli): Command {
  const command = withKind(
    leaf(
      'install',
      about.install,
      'flm service install --port 9000 --dry-run\nsudo flm service install',
    ).argument('[profile]', options.profileToRun, 'default'),
  );
  return addConfigFlags(command)
    .option('--account <name>', options.account, 'flm')
    .option('--copy-data', options.copyData)
    .option('--socket', options.socket)
    .option('--no-socket', options.noSocket)
    .option('--stop', options.stop)
    .option('--replace', options.replace)
    .option('--dry-run', options.dryRun)
    .option('--yes', options.yes)
    .action(
      bareAction(cli, async (session, flags: InstallFlags, profile: string) => {
        const services = await servicesOf(session);
        const kind = kindOf(flags, services);
        const request: InstallRequest = {
          kind,
          profile,
          account: flags.account,
          settings: overridesOf(flags),
          settingFlags: configFlagWords(flags),
          // commander sets it only where --socket or --no-socket is given, because both are declared.
          socket: flags.socket,
          replace: flags.replace === true,
          stop: flags.stop === true,
          copyData: await wantsCopy(session, services, kind, flags),
        };
        const plan = await planWithStop(session, services, request, flags);
        const done = await carryOut(session, 'service install', shownPlan(plan), flags);
        if (!done) return;
        await tellStatus(session, services, plan.unit);
      }),
    );
}

function uninstall(cli: Cli): Command {
  return withKind(
    leaf(
      'uninstall',
      about.uninstall,
      'flm service uninstall lab --yes\nsudo flm service uninstall',
    ).argument('[profile]', options.profile, 'default'),
  )
    .option('--data', options.data)
    .option('--dry-run', options.dryRun)
    .option('--yes', options.yes)
    .action(
      bareAction(cli, async (session, flags: KindFlags & PlanFlags & { data?: boolean }, profile: string) => {
        const services = await servicesOf(session);
        const plan = await services.manager.planUninstall(
          installedKind(flags, services, profile),
          profile,
          flags.data === true,
        );
        const done = await carryOut(session, 'service uninstall', shownPlan(plan), flags);
        if (done && session.json)
          session.terminal.out(JSON.stringify({ unit: services.manager.nameOf(profile), removed: true }));
      }),
    );
}

function status(cli: Cli): Command {
  return withKind(
    leaf('status', about.status, 'flm service status --json').argument(
      '[profile]',
      options.profile,
      'default',
    ),
  ).action(
    bareAction(cli, async (session, flags: KindFlags, profile: string) => {
      const services = await servicesOf(session);
      await tellStatus(session, services, unitIn(services, installedKind(flags, services, profile), profile));
    }),
  );
}

function logs(cli: Cli): Command {
  return withKind(
    leaf('logs', about.logs, 'flm service logs --follow')
      .argument('[profile]', options.profile, 'default')
      .option('-n, --lines <number>', options.lines, '50')
      .option('-f, --follow', options.follow),
  ).action(
    bareAction(
      cli,
      async (session, flags: KindFlags & { lines: string; follow?: boolean }, profile: string) => {
        if (!/^\d{1,6}$/.test(flags.lines)) throw usageError('service logs', texts.badLines);
        const services = await servicesOf(session);
        const unit = unitIn(services, installedKind(flags, services, profile), profile);
        const child = services.follow(services.manager.logCommand(unit, flags.lines, flags.follow === true));
        const { terminal, json } = session;
        const readable = terminal.outIsTerminal && !json;
        session.signal.addEventListener('abort', () => child.kill());
        if (child.stdout === null) return;
        const ended = once(child, 'close');
        for await (const line of createInterface({ input: child.stdout }))
          terminal.out(readable ? readableLine(line) : line);
        await ended;
      },
    ),
  );
}

function withKind(command: Command): Command {
  return command.option('--system', options.system).option('--user', options.user);
}

export async function servicesOf({ cli }: BareSession): Promise<MachineServices> {
  const { machineServices } = await import('../../app/machine-services.ts');
  return machineServices(cli.environment, cli.entry);
}

function kindOf({ system, user }: KindFlags, { tools }: MachineServices): ServiceKind {
  if (system === true && user === true) throw usageError('service', texts.oneKind);
  if (system === true) return 'system';
  if (user === true) return 'user';
  return tools.uid === 0 ? 'system' : 'user';
}

/** Without a flag: the service that is installed. */
function installedKind(flags: KindFlags, services: MachineServices, profile: string): ServiceKind {
  const kind = kindOf(flags, services);
  if (flags.system === true || flags.user === true) return kind;
  const other = kind === 'system' ? 'user' : 'system';
  const has = (k: ServiceKind): boolean => services.manager.unit(k, profile) !== undefined;
  return !has(kind) && has(other) ? other : kind;
}

function unitIn({ manager }: MachineServices, kind: ServiceKind, profile: string): ServiceUnit {
  const unit = manager.unit(kind, profile);
  if (unit !== undefined) return unit;
  throw new ServiceError('SERVICE_NOT_INSTALLED', { params: { kind: '', unit: manager.nameOf(profile) } });
}

async function wantsCopy(
  session: BareSession,
  { manager }: MachineServices,
  kind: ServiceKind,
  flags: InstallFlags,
): Promise<boolean> {
  const offer = await manager.copyOffer(kind);
  if (offer === undefined) {
    if (flags.copyData !== true) return false;
    throw usageError('service install', texts.nothingToCopy);
  }
  if (flags.copyData === true) return true;
  const { terminal } = session;
  const { user, folder } = offer;
  if (flags.yes !== true && flags.dryRun !== true && !session.json && terminal.interactive) {
    const answer = await terminal.ask(texts.copyQuestion(user, folder), session.signal);
    return answer !== undefined && !/^n/i.test(answer.trim());
  }
  terminal.talk(texts.notCopied(user, folder));
  return false;
}

/** A person at a terminal is asked about proxies that are in the way; a script says --stop. */
async function planWithStop(
  session: BareSession,
  { manager }: MachineServices,
  request: InstallRequest,
  flags: PlanFlags,
): Promise<ServicePlan> {
  try {
    return await manager.planInstall(request);
  } catch (error) {
    const mayAsk = session.terminal.interactive && flags.yes !== true && !session.json;
    if (!(error instanceof ServiceError) || error.code !== 'SERVICE_PROXY_RUNNING' || !mayAsk) throw error;
    const answer = await session.terminal.ask(texts.stopQuestion(messageForPeople(error)), session.signal);
    if (answer === undefined || !/^y/i.test(answer.trim())) throw error;
    return manager.planInstall({ ...request, stop: true });
  }
}

/** A plan in the language of the user. */
export interface ShownPlan {
  readonly steps: readonly ShownStep[];
  readonly notes: readonly string[];
}

export interface ShownStep {
  readonly title: string;
  readonly details: readonly string[];
  make(): Promise<void>;
}

export function shownPlan({ steps, notes }: Pick<ServicePlan, 'steps' | 'notes'>): ShownPlan {
  return { steps: steps.map(shownStep), notes: notes.map((note) => textIn(texts.notes, note)) };
}

export function shownStep(step: ServiceStep): ShownStep {
  const { title, details, remark } = step;
  return {
    title: textIn(texts.steps, title),
    details: remark === undefined ? details : [...details, textIn(texts.remarks, remark)],
    make: () => step.make(),
  };
}

/** Shows, asks, does. False where nothing was done. */
export async function carryOut(
  session: BareSession,
  command: string,
  { steps, notes }: ShownPlan,
  flags: PlanFlags,
): Promise<boolean> {
  const { terminal } = session;
  if (steps.length === 0) {
    terminal.talk(texts.nothing);
    return true;
  }
  const dry = flags.dryRun === true;
  const tell = (text: string): void => (dry && !session.json ? terminal.out(text) : terminal.talk(text));
  tell(dry ? texts.wouldBeDone : texts.willBeDone);
  for (const { title, details } of steps) {
    tell(`  ${printable(title)}`);
    for (const detail of details) tell(`    ${printable(detail)}`);
  }
  for (const note of notes) tell(note);
  if (dry) {
    if (session.json)
      terminal.out(JSON.stringify({ steps: steps.map(({ title, details }) => ({ title, details })), notes }));
    return false;
  }
  await confirm(session, command, texts.effect, flags.yes === true);
  for (const step of steps) {
    await step.make();
    terminal.talk(texts.done(printable(step.title)));
  }
  return true;
}

async function tellStatus(session: BareSession, services: MachineServices, unit: ServiceUnit): Promise<void> {
  const { manager, tools } = services;
  const document: ServiceDocument = {
    unit: manager.nameOf(unit.profile),
    kind: unit.kind,
    profile: unit.profile,
    ...(await manager.stateOf(unit)),
    file: manager.fileOf(unit),
    home: unit.home,
    account: unit.account ?? null,
  };
  const isReadable = unit.kind === 'user' || tools.uid === 0;
  const asked = isReadable
    ? await tools.flm(unit.home, ['proxy', 'status', ...(session.json ? ['--json'] : []), unit.profile])
    : undefined;
  const { terminal } = session;
  if (session.json) {
    const proxies = asked?.code === 0 ? (JSON.parse(asked.stdout) as { proxies: unknown }).proxies : null;
    return terminal.out(JSON.stringify({ service: document, proxies }));
  }
  terminal.out(serviceText(document));
  if (asked?.code === 0) terminal.out(`\n${asked.stdout.trimEnd()}`);
  else if (asked === undefined) terminal.talk(texts.onlyOwner(unit.account ?? texts.itsOwner));
}
