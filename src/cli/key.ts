/**
 * `flm key`: create, list, show, rotate, revoke, delete.
 */
import type { Command } from 'commander';
import type { FlmError } from '../core/errors.ts';
import type { ApiKey } from '../core/security/api-key.ts';
import type { KeyRequestInput } from '../core/security/key-request.ts';
import type { CreatedKey, ListedKey, RevokedKey } from '../core/security/security-service.ts';
import { action, type Cli, group, leaf, type Session, usageError } from './command.ts';
import { collect, number } from './config-flags.ts';
import { facts, moment, printable, table } from './layout.ts';
import { confirm } from './question.ts';
import { maxSecretBytes } from './terminal.ts';
import { momentOf, spanOf } from './time-flags.ts';

interface RuleFlags {
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

export function keyCommands(cli: Cli): Command {
  return group('key', 'make and end API keys', [
    create(cli),
    importSecret(cli),
    list(cli),
    show(cli),
    rotate(cli),
    revoke(cli),
    remove(cli),
  ]);
}

function create(cli: Cli): Command {
  const command = leaf(
    'create',
    'make a key; its secret is shown once, here',
    'flm key create laptop\nflm key create ci --model "qwen*" --rpm 60 --tokens-per-day 200000 --expires 90d',
  ).argument('<label>', 'whose key it is, for people');
  return addRules(command).action(
    action(cli, async (session, flags: RuleFlags, label: string) => {
      const request = requestOf(session, 'key create', label, flags);
      tellCreated(session, await session.flm.security.createKey(request));
    }),
  );
}

function importSecret(cli: Cli): Command {
  const command = leaf(
    'import',
    'take over a secret that clients have already; it is read from standard input',
    'flm key import old-gateway < secret.txt',
  ).argument('<label>', 'whose key it is, for people');
  return addRules(command).action(
    action(cli, async (session, flags: RuleFlags, label: string) => {
      const request = requestOf(session, 'key import', label, flags);
      const secret = (await session.terminal.readAll(maxSecretBytes)).trim();
      const record = await session.flm.security.importKey(request, secret);
      if (session.json)
        return session.terminal.out(JSON.stringify(keyDocument({ record, lastUse: undefined })));
      session.terminal.out(`Imported as ${record.id}. Clients go on with the secret that they have.`);
    }),
  );
}

function addRules(command: Command): Command {
  return command
    .option(
      '--scope <scope>',
      'inference (the default), engine:read, engine:admin, metrics (repeatable)',
      collect,
    )
    .option('--model <glob>', 'only models of this name, * for any run of characters (repeatable)', collect)
    .option('--engine <id>', 'only this engine (repeatable)', collect)
    .option('--endpoint <route>', 'only this route, such as chat.completions (repeatable)', collect)
    .option('--ip <address>', 'only from this address, CIDR range or span (repeatable)', collect)
    .option('--rpm <number>', 'requests a minute')
    .option('--burst <number>', 'how many of them may come at once')
    .option('--tpm <number>', 'tokens a minute')
    .option('--tokens-per-day <number>', 'tokens a day (UTC), over all proxies')
    .option('--concurrency <number>', 'requests in progress at a time, waiting ones included')
    .option('--expires <when>', 'a time to come: 90d, 12h, or a date such as 2027-01-31');
}

function requestOf(session: Session, command: string, label: string, flags: RuleFlags): KeyRequestInput {
  const { clock } = session.flm.machine;
  const expiresAtMs = flags.expires === undefined ? null : momentOf(flags.expires, clock.nowMs());
  if (expiresAtMs === undefined)
    throw usageError(command, '--expires takes a span such as 90d or 12h, or a date such as 2027-01-31.');
  // Judged by the schema, which says what is wrong with each.
  return {
    label,
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
  } as KeyRequestInput;
}

function list(cli: Cli): Command {
  return leaf('list', 'all keys and what each may do', 'flm key list')
    .alias('ls')
    .action(
      action(cli, async (session) => {
        const { keys, lastUseProblem } = await session.flm.security.listKeys();
        const { terminal } = session;
        if (session.json) return terminal.out(JSON.stringify({ keys: keys.map(keyDocument) }));
        if (keys.length === 0)
          return terminal.out('There are no keys. Make one with `flm key create LABEL`.');
        const nowMs = session.flm.machine.clock.nowMs();
        const rows = keys.map(({ record, lastUse }) => [
          record.id,
          printable(record.label),
          `${record.prefix}…`,
          stateOf(record, nowMs),
          lastUseProblem !== undefined ? 'unknown' : lastUse === undefined ? 'never' : moment(lastUse.atMs),
          rulesOf(record).join('; ') || 'everything with scope inference',
        ]);
        terminal.out(table(['ID', 'LABEL', 'KEY', 'STATE', 'LAST USED', 'MAY'], rows, terminal.tableColumns));
        tellUnknownUse(session, lastUseProblem);
        for (const line of keys.flatMap((key) => advice(key, nowMs)))
          terminal.talk(`${terminal.paint('yellow', '!')} ${line}`);
      }),
    );
}

function show(cli: Cli): Command {
  return leaf('show', 'one key', 'flm key show laptop')
    .argument('<key>', 'id, or a label that only one key has')
    .action(
      action(cli, async (session, _flags: object, name: string) => {
        const { keys, lastUseProblem } = await session.flm.security.showKey(name);
        const nowMs = session.flm.machine.clock.nowMs();
        for (const key of keys)
          session.terminal.out(
            session.json ? JSON.stringify(keyDocument(key)) : keyText(key, lastUseProblem, nowMs),
          );
        tellUnknownUse(session, lastUseProblem);
      }),
    );
}

function rotate(cli: Cli): Command {
  return leaf(
    'rotate',
    'make a new secret with the same rules; the old one ends',
    'flm key rotate laptop --overlap 1d',
  )
    .argument('<key>', 'id, or a label that only one key has')
    .option('--overlap <span>', 'how long the old one still works, such as 1d; by default not at all')
    .action(
      action(cli, async (session, flags: { overlap?: string }, name: string) => {
        const overlapMs = flags.overlap === undefined ? 0 : spanOf(flags.overlap);
        if (overlapMs === undefined)
          throw usageError('key rotate', '--overlap takes a span such as 1d, 12h or 30m.');
        tellCreated(session, await session.flm.security.rotateKey(name, overlapMs));
      }),
    );
}

function revoke(cli: Cli): Command {
  return leaf('revoke', 'end a key for ever, and what runs under it', 'flm key revoke laptop')
    .argument('<key>', 'id, or a label that only one key has')
    .action(
      action(cli, async (session, _flags: object, name: string) => {
        tellRevoked(session, await session.flm.security.revokeKey(name));
      }),
    );
}

function tellRevoked(session: Session, { record, unwritten, unreached }: RevokedKey): void {
  const { terminal } = session;
  if (session.json) {
    const inMemoryOf = unwritten === undefined ? {} : { inMemoryOf: unwritten.inMemoryOf };
    terminal.out(JSON.stringify({ ...keyDocument({ record, lastUse: undefined }), ...inMemoryOf }));
  } else {
    const name = `${record.id} (${printable(record.label)})`;
    const where = unwritten === undefined ? '' : ` in the memory of ${unwritten.inMemoryOf.join(', ')}`;
    terminal.out(`Revoked ${name}${where}. Running proxies refuse it from now on.`);
  }
  const warn = (text: string): void => terminal.talk(`${terminal.paint('yellow', '!')} ${text}`);
  if (unwritten !== undefined) {
    warn(`The revocation is not stored: ${unwritten.problem.message}`);
    terminal.talk(
      `Each proxy stores it as soon as that works. One that ends before forgets it: then run \`flm key revoke ${record.id}\` again.`,
    );
  }
  if (unreached.length === 0) return;
  warn(
    `${unreached.join(', ')} did not answer and may still accept the key; end it: flm proxy stop ${unreached[0]}`,
  );
  session.cli.exit = 1;
}

function remove(cli: Cli): Command {
  return leaf(
    'delete',
    'forget a key; what was used under it stays in the usage',
    'flm key delete laptop --yes',
  )
    .argument('<key>', 'id, or a label that only one key has')
    .option('--yes', 'do not ask')
    .action(
      action(cli, async (session, flags: { yes?: boolean }, name: string) => {
        const record = await session.flm.security.findKey(name);
        const question = `Delete key ${record.id} (${printable(record.label)})?`;
        await confirm(session, 'key delete', question, flags.yes === true);
        await session.flm.security.deleteKey(record.id);
        if (session.json) return session.terminal.out(JSON.stringify({ id: record.id, deleted: true }));
        session.terminal.out(`Deleted ${record.id}.`);
      }),
    );
}

function tellCreated(session: Session, { record, key }: CreatedKey): void {
  const { terminal } = session;
  if (session.json) {
    return terminal.out(JSON.stringify({ ...keyDocument({ record, lastUse: undefined }), key }));
  }
  terminal.talk(`Key ${record.id} for ${printable(record.label)}. Keep it: it is shown this once.`);
  terminal.out(key);
}

function tellUnknownUse({ terminal }: Session, problem: FlmError | undefined): void {
  if (problem !== undefined)
    terminal.talk(
      `${terminal.paint('yellow', '!')} When keys were last used is not known: ${problem.message}`,
    );
}

/** What `--json` prints of a key; documented in docs/cli.md. Never the digest, never the secret. */
function keyDocument({ record, lastUse }: ListedKey) {
  const { digest: _, createdAtMs, expiresAtMs, revokedAtMs, ...rest } = record;
  const time = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());
  return {
    ...rest,
    createdAt: time(createdAtMs),
    expiresAt: time(expiresAtMs),
    revokedAt: time(revokedAtMs),
    lastUsedAt: time(lastUse?.atMs ?? null),
    lastUsedFrom: lastUse?.address ?? null,
  };
}

function keyText({ record, lastUse }: ListedKey, problem: FlmError | undefined, nowMs: number): string {
  const used = lastUse === undefined ? 'never' : `${moment(lastUse.atMs)} from ${lastUse.address}`;
  return facts([
    ['id', record.id],
    ['label', printable(record.label)],
    ['key', `${record.prefix}…`],
    ['state', stateOf(record, nowMs)],
    ['created', moment(record.createdAtMs)],
    ['expires', record.expiresAtMs === null ? 'never' : moment(record.expiresAtMs)],
    ['last used', problem === undefined ? used : 'unknown'],
    ['scopes', record.scopes.join(', ')],
    ['rules', rulesOf(record).join('\n') || 'none'],
  ]);
}

const dayMs = 86_400_000;
const soonDays = 14;
const idleDays = 30;

/** What somebody who looks after keys would want to be told. */
function advice({ record, lastUse }: ListedKey, nowMs: number): readonly string[] {
  const { revokedAtMs, expiresAtMs, createdAtMs, id } = record;
  if (revokedAtMs !== null || (expiresAtMs !== null && expiresAtMs <= nowMs)) return [];
  const name = `${id} (${printable(record.label)})`;
  const lines: string[] = [];
  if (expiresAtMs !== null && expiresAtMs - nowMs < soonDays * dayMs)
    lines.push(
      `${name} expires on ${moment(expiresAtMs)}; make its successor: flm key rotate ${id} --overlap 7d`,
    );
  if (lastUse === undefined && nowMs - createdAtMs > idleDays * dayMs)
    lines.push(`${name} was never used in ${idleDays} days; end it: flm key revoke ${id}`);
  return lines;
}

function stateOf(record: ApiKey, nowMs: number): string {
  if (record.revokedAtMs !== null) return 'revoked';
  if (record.expiresAtMs === null) return 'active';
  return record.expiresAtMs <= nowMs ? 'expired' : `until ${moment(record.expiresAtMs)}`;
}

function rulesOf(record: ApiKey): readonly string[] {
  const { limits } = record;
  const scopes = record.scopes.join(',') === 'inference' ? [] : record.scopes;
  const lists: readonly (readonly [string, readonly string[]])[] = [
    ['scopes', scopes],
    ['models', record.models],
    ['engines', record.engines],
    ['endpoints', record.endpoints],
    ['from', record.addresses],
  ];
  const rules = lists
    .filter(([, list]) => list.length > 0)
    .map(([name, list]) => `${name} ${list.join(', ')}`);
  if (limits.requestsPerMinute !== null) {
    const burst = limits.burst === null ? '' : `, ${limits.burst} at once`;
    rules.push(`${limits.requestsPerMinute} requests a minute${burst}`);
  }
  if (limits.tokensPerMinute !== null) rules.push(`${limits.tokensPerMinute} tokens a minute`);
  if (limits.tokensPerDay !== null) rules.push(`${limits.tokensPerDay} tokens a day`);
  if (limits.concurrency !== null) rules.push(`${limits.concurrency} at a time`);
  return rules.map(printable);
}
