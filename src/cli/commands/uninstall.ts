/**
 * `flm uninstall`: takes back what flm changed on this machine: services, trust in the local CA, and with --data the data
 * folder. The program itself is removed by the way that installed it.
 */
import type { Command } from 'commander';
import type { Flm } from '../../app/flm.ts';
import type { MachineServices } from '../../app/machine-services.ts';
import { ServiceError } from '../../core/errors.ts';
import { textIn } from '../../core/named-text.ts';
import { type BareSession, bareAction, type Cli, leaf } from '../command.ts';
import { t } from '../i18n/texts.ts';
import { changeTitle } from './cert.ts';
import { carryOut, type PlanFlags, type ShownStep, servicesOf, shownPlan, shownStep } from './service.ts';

const { about, options, uninstall: texts } = t.self;

interface UninstallFlags extends PlanFlags {
  readonly data?: boolean;
  readonly stop?: boolean;
}

interface Plan {
  readonly steps: ShownStep[];
  readonly notes: readonly string[];
}

export function uninstallCommand(cli: Cli): Command {
  return leaf('uninstall', about.uninstall, 'flm uninstall --dry-run\nsudo flm uninstall --data')
    .option('--data', options.data)
    .option('--stop', options.stop)
    .option('--dry-run', t.service.options.dryRun)
    .option('--yes', t.service.options.yes)
    .action(
      bareAction(cli, async (session, flags: UninstallFlags) => {
        const services = await servicesOf(session);
        const { ownData } = services.tools;
        const hasData = services.tools.facts(ownData) !== undefined;
        const flm = hasData ? await openedFlm(session) : undefined;
        try {
          const plan = await planOf(session, services, flm, flags);
          const done = await carryOut(session, 'uninstall', plan, flags);
          if (!done) return;
          if (session.json)
            session.terminal.out(JSON.stringify({ done: plan.steps.map(({ title }) => title) }));
          else session.terminal.talk(texts.program);
        } finally {
          await flm?.close();
        }
      }),
    );
}

async function openedFlm(session: BareSession): Promise<Flm> {
  const { openFlm } = await import('../../app/flm.ts');
  const { environment, entry } = session.cli;
  // Trust stores of the machine need root; a damaged database must not keep flm from being removed.
  return openFlm({ environment, entry, keepRoot: true, withoutStore: true });
}

/** Throws SERVICE_PROXY_RUNNING where proxies run that it may not stop. */
async function planOf(
  session: BareSession,
  services: MachineServices,
  flm: Flm | undefined,
  flags: UninstallFlags,
): Promise<Plan> {
  const { manager, tools } = services;
  const kind = tools.uid === 0 ? 'system' : 'user';
  const units = manager.units(kind);
  const steps: Plan['steps'] = [];
  const notes: string[] = [];
  const running = (await flm?.proxies.list()) ?? [];
  const own = running.filter(({ profile }) => !units.some((unit) => unit.profile === profile));
  const mayStop = flags.stop === true || (own.length > 0 && (await asksToStop(session, own, flags)));
  if (own.length > 0 && !mayStop) throw inTheWay(own);
  for (const { id, profile } of own)
    steps.push({
      title: t.service.steps.stopProxy(id, profile),
      details: [`flm proxy stop ${id}`],
      make: async () => void (await flm?.proxies.stop(id)),
    });
  for (const [index, { profile }] of units.entries()) {
    // Several services share one folder.
    const isLast = index === units.length - 1;
    const plan = shownPlan(await manager.planUninstall(kind, profile, false));
    steps.push(...plan.steps);
    if (isLast && flags.data !== true) notes.push(...plan.notes);
  }
  const trust = await flm?.certificates.planRemoval();
  for (const change of trust?.changes ?? []) {
    const title = changeTitle(change);
    const { blocked, obstacles } = t.cert.trust;
    if (change.obstacle !== undefined) notes.push(blocked(title, textIn(obstacles, change.obstacle)));
    else steps.push({ title, details: change.commands, make: () => change.make() });
  }
  if (flags.data === true && flm !== undefined) {
    const step = shownStep(manager.deleteData(tools.ownData));
    steps.push({
      ...step,
      make: async () => {
        await flm.close();
        await step.make();
      },
    });
  }
  if (flags.data !== true && flm !== undefined && units.length === 0)
    notes.push(texts.dataStays(tools.ownData));
  if (kind === 'user' && manager.units('system').length > 0) notes.push(texts.serviceStays);
  return { steps, notes };
}

async function asksToStop(
  session: BareSession,
  own: readonly { readonly id: string; readonly profile: string }[],
  flags: PlanFlags,
): Promise<boolean> {
  const { terminal, json, signal } = session;
  if (flags.yes === true || flags.dryRun === true || json || !terminal.interactive)
    return flags.dryRun === true;
  const names = own.map(({ id, profile }) => texts.proxy(id, profile)).join(', ');
  const answer = await terminal.ask(texts.stopQuestion(names), signal);
  return answer !== undefined && /^y/i.test(answer.trim());
}

function inTheWay(own: readonly { readonly id: string; readonly profile: string }[]): ServiceError {
  const proxies = own.map(({ id, profile }) => texts.proxy(id, profile)).join(', ');
  return new ServiceError('SERVICE_PROXY_RUNNING', { params: { proxies } });
}
