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
  ServiceUnit,
} from '../../app/machine-services.ts';
import { ServiceError } from '../../core/errors.ts';
import { type BareSession, bareAction, type Cli, group, leaf, usageError } from '../command.ts';
import { addConfigFlags, type ConfigFlags, configFlagWords, overridesOf } from '../config-flags.ts';
import { printable } from '../terminal/layout.ts';
import { confirm } from '../terminal/question.ts';
import { readableLine } from '../views/log-line.ts';
import { type ServiceDocument, serviceText } from '../views/service-view.ts';

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
  return group('service', 'run a proxy as a service of the system, started at boot', [
    install(cli),
    uninstall(cli),
    status(cli),
    logs(cli),
  ]);
}

function install(cli: Cli): Command {
  const command = withKind(
    leaf(
      'install',
      'install a service of systemd (on macOS launchd, not tested) and start it: for the machine as root, otherwise for you',
      'flm service install --port 9000 --dry-run\nsudo flm service install',
    ).argument('[profile]', 'profile that the service runs', 'default'),
  );
  return addConfigFlags(command)
    .option('--account <name>', 'system user that a system service runs as; created if missing', 'flm')
    .option('--copy-data', 'as root by sudo: copy your keys, profiles and certificates to the service')
    .option('--socket', 'systemd opens the listening sockets; ports below 1024 always need it (not on macOS)')
    .option('--no-socket', 'the proxy opens its sockets itself')
    .option('--stop', 'stop proxies that are in the way')
    .option('--replace', 'overwrite a unit that differs')
    .option('--dry-run', 'show what would be done, and change nothing')
    .option('--yes', 'do not ask')
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
        const done = await carryOut(session, 'service install', plan, flags);
        if (!done) return;
        await tellStatus(session, services, plan.unit);
      }),
    );
}

function uninstall(cli: Cli): Command {
  return withKind(
    leaf(
      'uninstall',
      'stop a service and remove it; its data stays unless --data is given',
      'flm service uninstall lab --yes\nsudo flm service uninstall',
    ).argument('[profile]', 'profile of the service', 'default'),
  )
    .option('--data', 'delete the data folder and the user of a system service as well')
    .option('--dry-run', 'show what would be done, and change nothing')
    .option('--yes', 'do not ask')
    .action(
      bareAction(cli, async (session, flags: KindFlags & PlanFlags & { data?: boolean }, profile: string) => {
        const services = await servicesOf(session);
        const plan = await services.manager.planUninstall(
          installedKind(flags, services, profile),
          profile,
          flags.data === true,
        );
        const done = await carryOut(session, 'service uninstall', plan, flags);
        if (done && session.json)
          session.terminal.out(JSON.stringify({ unit: services.manager.nameOf(profile), removed: true }));
      }),
    );
}

function status(cli: Cli): Command {
  return withKind(
    leaf(
      'status',
      'the state of the service, and what the proxy reports itself',
      'flm service status --json',
    ).argument('[profile]', 'profile of the service', 'default'),
  ).action(
    bareAction(cli, async (session, flags: KindFlags, profile: string) => {
      const services = await servicesOf(session);
      await tellStatus(session, services, unitIn(services, installedKind(flags, services, profile), profile));
    }),
  );
}

function logs(cli: Cli): Command {
  return withKind(
    leaf(
      'logs',
      'the log of the service: from the journal, on macOS from its file',
      'flm service logs --follow',
    )
      .argument('[profile]', 'profile of the service', 'default')
      .option('-n, --lines <number>', 'how many of the last lines', '50')
      .option('-f, --follow', 'go on until Ctrl-C'),
  ).action(
    bareAction(
      cli,
      async (session, flags: KindFlags & { lines: string; follow?: boolean }, profile: string) => {
        if (!/^\d{1,6}$/.test(flags.lines))
          throw usageError('service logs', '--lines takes a number of lines.');
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
  return command
    .option('--system', 'the service of the whole machine (needs root); the default for root')
    .option('--user', 'a service of your own user; the default otherwise');
}

export async function servicesOf({ cli }: BareSession): Promise<MachineServices> {
  const { machineServices } = await import('../../app/machine-services.ts');
  return machineServices(cli.environment, cli.entry);
}

function kindOf({ system, user }: KindFlags, { tools }: MachineServices): ServiceKind {
  if (system === true && user === true) throw usageError('service', 'Give --system or --user, not both.');
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
    throw usageError(
      'service install',
      'There is nothing to copy: --copy-data needs a system service without data of its own, and a person with data of flm who asks by sudo.',
    );
  }
  if (flags.copyData === true) return true;
  const { terminal } = session;
  const what = `${offer.user} has keys, profiles and certificates in ${offer.folder}.`;
  if (flags.yes !== true && flags.dryRun !== true && !session.json && terminal.interactive) {
    const answer = await terminal.ask(`${what} Copy them to the service? [Y/n] `, session.signal);
    return answer !== undefined && !/^n/i.test(answer.trim());
  }
  terminal.talk(`${what} The service starts without them; --copy-data copies them.`);
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
    const answer = await session.terminal.ask(`${error.message} Stop them? [y/N] `, session.signal);
    if (answer === undefined || !/^y/i.test(answer.trim())) throw error;
    return manager.planInstall({ ...request, stop: true });
  }
}

/** Shows, asks, does. False where nothing was done. */
export async function carryOut(
  session: BareSession,
  command: string,
  { steps, notes }: Pick<ServicePlan, 'steps' | 'notes'>,
  flags: PlanFlags,
): Promise<boolean> {
  const { terminal } = session;
  if (steps.length === 0) {
    terminal.talk('There is nothing to change.');
    return true;
  }
  const dry = flags.dryRun === true;
  const tell = (text: string): void => (dry && !session.json ? terminal.out(text) : terminal.talk(text));
  tell(dry ? 'This would be done:' : 'This will be done:');
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
  await confirm(session, command, 'This changes the services of this machine.', flags.yes === true);
  for (const step of steps) {
    await step.make();
    terminal.talk(`Done: ${printable(step.title)}.`);
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
  else if (asked === undefined)
    terminal.talk(
      `Only ${unit.account ?? 'its owner'} and root can ask the proxy itself: sudo flm service status`,
    );
}
