/**
 * The flags of `flm key create`, `import` and `set` that set the rules of a key, and their values.
 */
import type { Command } from 'commander';
import type { KeyRequestInput } from '../../core/security/key-request.ts';
import { momentOf } from '../../core/time-text.ts';
import { type Session, usageError } from '../command.ts';
import { collect, number } from '../config-flags.ts';

export interface RuleFlags {
  readonly owner?: string;
  readonly note?: string;
  readonly scope?: readonly string[];
  readonly model?: readonly string[];
  readonly engine?: readonly string[];
  readonly endpoint?: readonly string[];
  readonly ip?: readonly string[];
  readonly rpm?: string;
  readonly burst?: string;
  readonly tpm?: string;
  readonly tokensPerDay?: string;
  readonly concurrency?: string;
  readonly expires?: string;
}

export function addRules(command: Command): Command {
  return command
    .option('--owner <name>', 'the person who answers for the key')
    .option('--note <text>', 'a note for administrators')
    .option(
      '--scope <scope>',
      'inference (the default), engine:read, engine:admin, metrics, admin:read, admin (repeatable)',
      collect,
    )
    .option('--model <glob>', 'allow only this model; * matches any characters (repeatable)', collect)
    .option('--engine <id>', 'allow only this engine (repeatable)', collect)
    .option('--endpoint <route>', 'allow only this route, such as chat.completions (repeatable)', collect)
    .option('--ip <address>', 'allow only this client address, CIDR range or span (repeatable)', collect)
    .option('--rpm <number>', 'requests a minute')
    .option('--burst <number>', 'requests that may come at once')
    .option('--tpm <number>', 'tokens a minute')
    .option('--tokens-per-day <number>', 'tokens a day (UTC), counted over all proxies')
    .option('--concurrency <number>', 'requests in progress at a time, including queued ones')
    .option('--expires <when>', 'expiry: 90d, 12h, or a date such as 2027-01-31');
}

/** The value of each rule when it is cleared, by flag. A key always has a scope. */
const cleared: Readonly<Record<string, Partial<KeyRequestInput>>> = {
  owner: { owner: null },
  note: { note: null },
  model: { models: [] },
  engine: { engines: [] },
  endpoint: { endpoints: [] },
  ip: { addresses: [] },
  rpm: { requestsPerMinute: null },
  burst: { burst: null },
  tpm: { tokensPerMinute: null },
  'tokens-per-day': { tokensPerDay: null },
  concurrency: { concurrency: null },
  expires: { expiresAtMs: null },
};

export const clearableRules: readonly string[] = Object.keys(cleared);

/** A whole key. The schema validates the values and reports every fault at once. */
export function requestOf(
  session: Session,
  command: string,
  label: string,
  flags: RuleFlags,
): KeyRequestInput {
  return { ...given(session, command, flags), label };
}

/** The changes. Throws USAGE if there are none, or if a rule is both set and cleared. */
export function changesOf(
  session: Session,
  command: string,
  flags: RuleFlags & { readonly label?: string; readonly clear?: readonly string[] },
): Partial<KeyRequestInput> {
  const changes: Partial<KeyRequestInput> = given(session, command, flags);
  if (flags.label !== undefined) changes.label = flags.label;
  for (const rule of flags.clear ?? []) {
    const empty = cleared[rule];
    if (empty === undefined) throw usageError(command, `--clear takes one of ${clearableRules.join(', ')}.`);
    if (Object.keys(empty).some((field) => field in changes))
      throw usageError(command, `Either give --${rule} or clear it, not both.`);
    Object.assign(changes, empty);
  }
  if (Object.keys(changes).length === 0) throw usageError(command, 'Give at least one setting to change.');
  return changes;
}

function given(session: Session, command: string, flags: RuleFlags): Partial<KeyRequestInput> {
  const { clock } = session.flm.machine;
  const expiresAtMs = flags.expires === undefined ? undefined : momentOf(flags.expires, clock.nowMs());
  if (flags.expires !== undefined && expiresAtMs === undefined)
    throw usageError(command, '--expires takes a span such as 90d or 12h, or a date such as 2027-01-31.');
  const all = {
    owner: flags.owner,
    note: flags.note,
    scopes: flags.scope,
    models: flags.model,
    engines: flags.engine,
    endpoints: flags.endpoint,
    addresses: flags.ip,
    requestsPerMinute: number(flags.rpm),
    burst: number(flags.burst),
    tokensPerMinute: number(flags.tpm),
    tokensPerDay: number(flags.tokensPerDay),
    concurrency: number(flags.concurrency),
    expiresAtMs,
  };
  // Invalid texts are passed on, because the schema reports each fault.
  return Object.fromEntries(
    Object.entries(all).filter(([, value]) => value !== undefined),
  ) as Partial<KeyRequestInput>;
}
