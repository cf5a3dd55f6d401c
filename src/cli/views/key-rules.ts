/**
 * The flags of `flm key create`, `import` and `set` that set the rules of a key, and their values.
 */
import type { Command } from 'commander';
import type { KeyRequestInput } from '../../core/security/key-request.ts';
import { momentOf } from '../../core/time-text.ts';
import { type Session, usageError } from '../command.ts';
import { collect, number } from '../config-flags.ts';
import { t } from '../i18n/texts.ts';

const texts = t.key;

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
  const { rules } = texts;
  return command
    .option('--owner <name>', rules.owner)
    .option('--note <text>', rules.note)
    .option('--scope <scope>', rules.scope, collect)
    .option('--model <glob>', rules.model, collect)
    .option('--engine <id>', rules.engine, collect)
    .option('--endpoint <route>', rules.endpoint, collect)
    .option('--ip <address>', rules.ip, collect)
    .option('--rpm <number>', rules.rpm)
    .option('--burst <number>', rules.burst)
    .option('--tpm <number>', rules.tpm)
    .option('--tokens-per-day <number>', rules.tokensPerDay)
    .option('--concurrency <number>', rules.concurrency)
    .option('--expires <when>', rules.expires);
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
    if (empty === undefined) throw usageError(command, t.flags.oneOf('--clear', clearableRules.join(', ')));
    if (Object.keys(empty).some((field) => field in changes))
      throw usageError(command, t.flags.setOrClear(`--${rule}`));
    Object.assign(changes, empty);
  }
  if (Object.keys(changes).length === 0) throw usageError(command, t.flags.nothingToChange);
  return changes;
}

function given(session: Session, command: string, flags: RuleFlags): Partial<KeyRequestInput> {
  const { clock } = session.flm.machine;
  const expiresAtMs = flags.expires === undefined ? undefined : momentOf(flags.expires, clock.nowMs());
  if (flags.expires !== undefined && expiresAtMs === undefined)
    throw usageError(command, texts.problems.expires);
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
