/**
 * `flm policy`: shows, sets and exports the rules for all proxies. A change is shown before and after. Running proxies
 * apply it immediately.
 */
import type { Command } from 'commander';
import { type Fault, PolicyError } from '../../core/errors.ts';
import type { SecurityPolicy } from '../../core/security/security-policy.ts';
import { action, type Cli, group, leaf, type Session, usageError } from '../command.ts';
import { collect, number } from '../config-flags.ts';
import { errorForPeople } from '../i18n/error-texts.ts';
import { printable, table } from '../terminal/layout.ts';
import { confirm } from '../terminal/question.ts';
import { judged, readText, schemaComment, schemaFile } from '../yaml-file.ts';
import { policyCheck } from './policy-check.ts';

/** The list rules, by flag. */
const lists = {
  'allow-origin': 'allowOrigins',
  'allow-ip': 'allowIps',
  'deny-ip': 'denyIps',
  'trusted-proxy': 'trustedProxies',
} as const;
const rates = {
  rpm: 'requestsPerMinute',
  'rpm-per-key': 'requestsPerMinutePerKey',
  'rpm-per-address': 'requestsPerMinutePerAddress',
} as const;
const rules: Readonly<Record<string, keyof SecurityPolicy>> = { ...lists, ...rates };

interface SetFlags {
  readonly allowOrigin?: readonly string[];
  readonly allowIp?: readonly string[];
  readonly denyIp?: readonly string[];
  readonly trustedProxy?: readonly string[];
  readonly rpm?: string;
  readonly rpmPerKey?: string;
  readonly rpmPerAddress?: string;
  readonly clear?: readonly string[];
  readonly file?: string;
  readonly yes?: boolean;
}

export function policyCommands(cli: Cli): Command {
  return group('policy', 'manage the rules for all keys: addresses, origins and rates', [
    show(cli),
    set(cli),
    exportFile(cli),
    schema(cli),
    policyCheck(cli),
  ]);
}

function show(cli: Cli): Command {
  return leaf(
    'show',
    'show the rules for all proxies; a profile may override parts',
    'flm policy show',
  ).action(
    action(cli, async (session) => {
      const policy = await session.flm.security.policy();
      if (session.json) return session.terminal.out(JSON.stringify(policy));
      const rows = Object.entries(rules).map(([flag, field]) => [flag, valueText(policy[field])]);
      session.terminal.out(table(['RULE', 'VALUE'], rows, session.terminal.tableColumns));
    }),
  );
}

function set(cli: Cli): Command {
  return leaf(
    'set',
    'change rules; rules without a flag stay, a given list replaces the old list',
    'flm policy set --allow-ip 192.168.1.0/24 --allow-ip 10.0.0.7 --rpm-per-key 60\nflm policy set --clear allow-ip\nflm policy set --file policy.yaml',
  )
    .option('--allow-origin <url>', 'origin of web pages that may call flm (CORS) (repeatable)', collect)
    .option(
      '--allow-ip <cidr>',
      'client address or range to allow; without any, all are allowed (repeatable)',
      collect,
    )
    .option('--deny-ip <cidr>', 'client address or range to deny (repeatable)', collect)
    .option('--trusted-proxy <cidr>', 'reverse proxy whose X-Forwarded-For is trusted (repeatable)', collect)
    .option('--rpm <number>', 'requests a minute of all keys together')
    .option('--rpm-per-key <number>', 'requests a minute for each key without a rate of its own')
    .option('--rpm-per-address <number>', 'requests a minute for each client address')
    .option(`--clear <rule>`, `remove a rule: ${Object.keys(rules).join(', ')} (repeatable)`, collect)
    .option('--file <file>', 'replace the policy with this YAML or JSON file; - for standard input')
    .option('--yes', 'apply the policy even if it blocks your own address or every key')
    .action(
      action(cli, async (session, flags: SetFlags) => {
        const { security } = session.flm;
        const before = await security.policy();
        const after = await (flags.file === undefined
          ? save(session, { ...before, ...changesOf(flags) }, flags)
          : setFromFile(session, flags));
        tellChange(session, before, after);
      }),
    );
}

function exportFile(cli: Cli): Command {
  return leaf(
    'export',
    'print the rules as YAML, such as for git; `flm policy set --file FILE` reads it',
    'flm policy export > policy.yaml\nflm policy set --file policy.yaml',
  ).action(
    action(cli, async (session) => {
      const policy = await session.flm.security.policy();
      if (session.json)
        return session.terminal.out(JSON.stringify({ $schema: schemaFile('policy'), ...policy }));
      const { stringify } = await import('yaml');
      session.terminal.write(schemaComment('policy') + stringify(policy));
    }),
  );
}

function schema(cli: Cli): Command {
  return leaf(
    'schema',
    'print the JSON Schema of a policy file, for editors',
    'flm policy schema > flm-policy.schema.json',
  ).action(
    action(cli, async ({ terminal }) => {
      const { policyJsonSchema } = await import('../../core/security/security-policy.ts');
      terminal.out(JSON.stringify(policyJsonSchema(), undefined, 2));
    }),
  );
}

/** The policy schema validates the values and reports every fault at once. */
function changesOf(flags: SetFlags): Readonly<Record<string, unknown>> {
  const given: Readonly<Record<string, unknown>> = {
    'allow-origin': flags.allowOrigin,
    'allow-ip': flags.allowIp,
    'deny-ip': flags.denyIp,
    'trusted-proxy': flags.trustedProxy,
    rpm: number(flags.rpm),
    'rpm-per-key': number(flags.rpmPerKey),
    'rpm-per-address': number(flags.rpmPerAddress),
  };
  const changes: Record<string, unknown> = {};
  for (const [flag, value] of Object.entries(given)) {
    if (value !== undefined) changes[rules[flag] as string] = value;
  }
  for (const flag of flags.clear ?? []) {
    const field = rules[flag];
    if (field === undefined)
      throw usageError('policy set', `--clear takes one of ${Object.keys(rules).join(', ')}.`);
    if (given[flag] !== undefined)
      throw usageError('policy set', `Either give --${flag} or clear it, not both.`);
    changes[field] = flag in lists ? [] : null;
  }
  if (Object.keys(changes).length === 0) throw usageError('policy set', 'No rule was given to set.');
  return changes;
}

/** Asks for confirmation before a policy blocks existing access. Throws like `SecurityService.setPolicy`. */
async function save(session: Session, policy: unknown, flags: SetFlags): Promise<SecurityPolicy> {
  const { security } = session.flm;
  try {
    return await security.setPolicy(policy, flags.yes === true);
  } catch (error) {
    const asks = error instanceof PolicyError && error.code === 'POLICY_NEEDS_CONFIRMATION';
    // Without a terminal, the error names the flag that confirms.
    if (!asks || session.json || !session.terminal.interactive) throw error;
    session.terminal.talk(errorForPeople(error).message);
    await confirm(session, 'policy set', 'This sets the policy anyway.', false);
    return security.setPolicy(policy, true);
  }
}

/** Throws POLICY_INVALID with every fault and its position; then the old policy stays in force. */
async function setFromFile(session: Session, flags: SetFlags): Promise<SecurityPolicy> {
  const { file: path = '', yes: _, ...others } = flags;
  const more = Object.keys(others).filter((name) => name !== 'json');
  if (more.length > 0)
    throw usageError(
      'policy set',
      '--file replaces the whole policy and cannot be combined with other flags.',
    );
  const text = await readText(path, session.terminal);
  const { parsePolicyFile } = await import('../../core/security/security-policy.ts');
  return judged(text, invalid, (value) => save(session, parsePolicyFile(value), flags));
}

function invalid(faults: readonly Fault[], moreFaults = 0): PolicyError {
  return new PolicyError('POLICY_INVALID', { faults, moreFaults });
}

function tellChange(session: Session, before: SecurityPolicy, after: SecurityPolicy): void {
  const { terminal } = session;
  if (session.json) return terminal.out(JSON.stringify({ before, after }));
  const rows = Object.entries(rules).map(([flag, field]) => {
    const [was, is] = [valueText(before[field]), valueText(after[field])];
    return was === is ? [flag, was, is] : [terminal.paint('bold', flag), was, terminal.paint('bold', is)];
  });
  terminal.out(table(['RULE', 'BEFORE', 'AFTER'], rows, terminal.tableColumns));
  const changed = Object.values(rules).some((field) => valueText(before[field]) !== valueText(after[field]));
  terminal.talk(changed ? 'Running proxies apply this now.' : 'Nothing changed.');
}

function valueText(value: readonly string[] | number | null): string {
  if (value === null) return 'no limit';
  if (typeof value === 'number') return `${value} a minute`;
  return value.length === 0 ? 'none' : printable(value.join(', '));
}
