/**
 * `flm key`: create, import, list, show, set, pause, resume, rotate, revoke, delete.
 */
import { type Command, Option } from 'commander';
import { keyUseOf } from '../../app/key-use.ts';
import { type ApiKey, keyStates } from '../../core/security/api-key.ts';
import { keyDocument } from '../../core/security/key-document.ts';
import { filterKeys, type KeyFilter } from '../../core/security/key-filter.ts';
import { createdKeysCsv, importColumns, keysCsv } from '../../core/security/key-table.ts';
import type { RevokedKey } from '../../core/security/live-revocations.ts';
import type { CreatedKey } from '../../core/security/security-service.ts';
import { spanOf } from '../../core/time-text.ts';
import { action, type Cli, group, leaf, type Session, usageError } from '../command.ts';
import { collect } from '../config-flags.ts';
import { errorForPeople } from '../i18n/error-texts.ts';
import { t } from '../i18n/texts.ts';
import { hanging, printable } from '../terminal/layout.ts';
import { confirm } from '../terminal/question.ts';
import { maxSecretBytes } from '../terminal/terminal.ts';
import { addRules, changesOf, clearableRules, type RuleFlags, requestOf } from '../views/key-rules.ts';
import { adviceOn, keysTable, keyText, tellUnknownUse } from '../views/key-view.ts';
import { readText } from '../yaml-file.ts';

const texts = t.key;

interface SetFlags extends RuleFlags {
  readonly label?: string;
  readonly clear?: readonly string[];
}

export function keyCommands(cli: Cli): Command {
  return group('key', texts.help.key, [
    create(cli),
    importKeys(cli),
    list(cli),
    show(cli),
    set(cli),
    pause(cli),
    resume(cli),
    rotate(cli),
    revoke(cli),
    remove(cli),
  ]);
}

function create(cli: Cli): Command {
  const command = leaf(
    'create',
    texts.help.create,
    'flm key create laptop\nflm key create ci --model "qwen*" --rpm 60 --tokens-per-day 200000 --expires 90d',
  ).argument('<label>', texts.arguments.label);
  return addRules(command).action(
    action(cli, async (session, flags: RuleFlags, label: string) => {
      const request = requestOf(session, 'key create', label, flags);
      tellCreated(session, await session.flm.security.createKey(request));
    }),
  );
}

function importKeys(cli: Cli): Command {
  const command = leaf(
    'import',
    texts.help.import,
    'flm key import old-gateway < secret.txt\nflm key import people.csv > secrets.csv',
  )
    .argument('<label|file.csv>', texts.arguments.labelOrFile)
    .addHelpText('after', `\n${texts.csvColumns(importColumns.join(', '))}`);
  return addRules(command).action(
    action(cli, async (session, flags: RuleFlags, name: string) => {
      if (/\.csv$/i.test(name)) return importTable(session, flags, name);
      const request = requestOf(session, 'key import', name, flags);
      const secret = (await session.terminal.readAll(maxSecretBytes, session.signal)).trim();
      if (secret === '') throw usageError('key import', texts.problems.noSecret);
      const { record, isNew } = await session.flm.security.importKey(request, secret);
      if (session.json) session.terminal.out(JSON.stringify(keyDocument({ record, lastUse: undefined })));
      else if (isNew) session.terminal.out(texts.imported(record.id));
      else session.terminal.out(texts.known(nameOf(record)));
      if (!isNew) session.terminal.talk(texts.rulesKept(record.id));
    }),
  );
}

/** All keys or none. Standard output has the secrets, as CSV. */
async function importTable(session: Session, flags: RuleFlags, path: string): Promise<void> {
  if (Object.keys(requestOf(session, 'key import', '', flags)).length > 1)
    throw usageError('key import', texts.problems.rulesInColumns);
  const { terminal, json, flm } = session;
  const created = await flm.security.createKeys(await readText(path, session));
  const keys = created.map(({ record, key }) => ({ ...keyDocument({ record, lastUse: undefined }), key }));
  if (json) return terminal.out(JSON.stringify({ keys }));
  terminal.talk(texts.createdMany(created.length));
  terminal.write(createdKeysCsv(created));
}

interface ListFlags {
  readonly search?: string;
  readonly owner?: string;
  readonly state?: string;
  readonly csv?: boolean;
}

function list(cli: Cli): Command {
  return leaf('list', texts.help.list, 'flm key list\nflm key list --owner ann --csv > keys.csv')
    .alias('ls')
    .option('--search <text>', texts.options.search)
    .option('--owner <name>', texts.options.owner)
    .addOption(new Option('--state <state>', texts.options.state).choices(keyStates))
    .option('--csv', texts.options.csv)
    .action(
      action(cli, async (session, { csv, ...filter }: ListFlags) => {
        const { keys: all, lastUseProblem } = await session.flm.security.listKeys();
        const { terminal } = session;
        const nowMs = session.flm.machine.clock.nowMs();
        // Commander checked the state.
        const keys = filterKeys(all, filter as KeyFilter, nowMs);
        if (session.json && csv === true) throw usageError('key list', t.flags.jsonOrCsv);
        if (session.json) return terminal.out(JSON.stringify({ keys: keys.map(keyDocument) }));
        if (csv === true) return terminal.write(keysCsv(keys, nowMs));
        if (all.length === 0) return terminal.out(texts.none);
        if (keys.length === 0) return terminal.out(texts.noMatch(all.length));
        terminal.out(keysTable(keys, lastUseProblem, nowMs, terminal));
        tellUnknownUse(session, lastUseProblem);
        for (const line of adviceOn(keys, lastUseProblem, nowMs))
          terminal.talk(hanging(`${terminal.paint('yellow', '!')} `, line, terminal.tableColumns));
      }),
    );
}

function show(cli: Cli): Command {
  return leaf('show', texts.help.show, 'flm key show laptop')
    .argument('<key>', texts.arguments.key)
    .action(
      action(cli, async (session, _flags: object, name: string) => {
        const { keys, lastUseProblem } = await session.flm.security.showKey(name);
        const [key] = keys;
        if (key === undefined) return;
        const { terminal } = session;
        const use = await keyUseOf(session.flm, key.record, session.signal);
        const nowMs = session.flm.machine.clock.nowMs();
        if (session.json) terminal.out(JSON.stringify({ ...keyDocument(key), use }));
        else terminal.out(keyText(key, use, lastUseProblem, nowMs, terminal));
        tellUnknownUse(session, lastUseProblem);
      }),
    );
}

function set(cli: Cli): Command {
  const command = leaf(
    'set',
    texts.help.set,
    'flm key set laptop --label old-laptop\nflm key set ci --rpm 120 --model "qwen*" --clear expires',
  )
    .argument('<key>', texts.arguments.key)
    .option('--label <label>', texts.options.label)
    .option('--clear <rule>', texts.options.clear(clearableRules.join(', ')), collect);
  return addRules(command).action(
    action(cli, async (session, flags: SetFlags, name: string) => {
      const record = await session.flm.security.setKey(name, changesOf(session, 'key set', flags));
      tellChanged(session, record, texts.changed(nameOf(record)));
    }),
  );
}

function pause(cli: Cli): Command {
  return leaf('pause', texts.help.pause, 'flm key pause laptop')
    .argument('<key>', texts.arguments.key)
    .action(
      action(cli, async (session, _flags: object, name: string) => {
        const record = await session.flm.security.pauseKey(name);
        tellChanged(session, record, texts.paused(nameOf(record), record.id));
      }),
    );
}

function resume(cli: Cli): Command {
  return leaf('resume', texts.help.resume, 'flm key resume laptop')
    .argument('<key>', texts.arguments.key)
    .action(
      action(cli, async (session, _flags: object, name: string) => {
        const record = await session.flm.security.resumeKey(name);
        tellChanged(session, record, texts.resumed(nameOf(record)));
      }),
    );
}

function nameOf({ id, label }: Pick<ApiKey, 'id' | 'label'>): string {
  return texts.name(id, printable(label));
}

function tellChanged({ terminal, json }: Session, record: ApiKey, said: string): void {
  if (json) terminal.out(JSON.stringify(keyDocument({ record, lastUse: undefined })));
  else terminal.out(said);
}

function rotate(cli: Cli): Command {
  return leaf('rotate', texts.help.rotate, 'flm key rotate laptop --overlap 1d')
    .argument('<key>', texts.arguments.key)
    .option('--overlap <span>', texts.options.overlap)
    .action(
      action(cli, async (session, flags: { overlap?: string }, name: string) => {
        const overlapMs = flags.overlap === undefined ? 0 : spanOf(flags.overlap);
        if (overlapMs === undefined) throw usageError('key rotate', texts.problems.overlap);
        tellCreated(session, await session.flm.security.rotateKey(name, overlapMs));
      }),
    );
}

function revoke(cli: Cli): Command {
  return leaf('revoke', texts.help.revoke, 'flm key revoke laptop')
    .argument('<key>', texts.arguments.key)
    .action(
      action(cli, async (session, _flags: object, name: string) => {
        tellRevoked(session, await session.flm.security.revokeKey(name));
      }),
    );
}

function tellRevoked(session: Session, revoked: RevokedKey): void {
  const { record, key, unwritten, unreached, stillActive } = revoked;
  const { terminal } = session;
  if (session.json) {
    const inMemoryOf = unwritten === undefined ? {} : { inMemoryOf: unwritten.inMemoryOf };
    const known = record === undefined ? key : keyDocument({ record, lastUse: undefined });
    terminal.out(JSON.stringify({ ...known, ...inMemoryOf }));
  } else {
    const proxies = unwritten?.inMemoryOf.join(', ');
    terminal.out(texts.revoked(nameOf(key), proxies, unreached.length === 0));
  }
  const warn = (text: string): void => terminal.talk(`${terminal.paint('yellow', '!')} ${text}`);
  if (unwritten !== undefined) {
    warn(texts.notStored(errorForPeople(unwritten.problem).message));
    terminal.talk(texts.storedLater(key.id));
  }
  tellStillActive(session, stillActive);
  const [first] = unreached;
  if (first === undefined) return;
  warn(texts.unreached(unreached.join(', '), first));
  session.cli.exit = 1;
}

/** `revoke` and `delete` end one secret, but a rotation with an overlap leaves two. */
function tellStillActive({ terminal }: Session, others: readonly ApiKey[]): void {
  for (const { id, expiresAtMs } of others) {
    const until = expiresAtMs === null ? undefined : new Date(expiresAtMs).toISOString();
    terminal.talk(`${terminal.paint('yellow', '!')} ${texts.stillActive(id, until)}`);
  }
}

function remove(cli: Cli): Command {
  return leaf('delete', texts.help.delete, 'flm key delete laptop --yes')
    .argument('<key>', texts.arguments.key)
    .option('--yes', texts.options.yes)
    .action(
      action(cli, async (session, flags: { yes?: boolean }, name: string) => {
        const record = await session.flm.security.findKey(name);
        await confirm(session, 'key delete', texts.deletes(nameOf(record)), flags.yes === true);
        const { stillActive } = await session.flm.security.deleteKey(record.id);
        if (session.json) session.terminal.out(JSON.stringify({ id: record.id, deleted: true }));
        else session.terminal.out(texts.deleted(record.id));
        tellStillActive(session, stillActive);
      }),
    );
}

function tellCreated(session: Session, { record, key }: CreatedKey): void {
  const { terminal } = session;
  if (session.json) {
    return terminal.out(JSON.stringify({ ...keyDocument({ record, lastUse: undefined }), key }));
  }
  terminal.talk(texts.created(record.id, printable(record.label)));
  terminal.out(key);
}
