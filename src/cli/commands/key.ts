/**
 * `flm key`: create, import, list, show, set, pause, resume, rotate, revoke, delete.
 */
import { type Command, Option } from 'commander';
import { keyUseOf } from '../../app/key-use.ts';
import { type ApiKey, keyStates } from '../../core/security/api-key.ts';
import { keyDocument } from '../../core/security/key-document.ts';
import { filterKeys, type KeyFilter } from '../../core/security/key-filter.ts';
import { createdKeysCsv, importColumns, keysCsv } from '../../core/security/key-table.ts';
import type { CreatedKey, RevokedKey } from '../../core/security/security-service.ts';
import { spanOf } from '../../core/time-text.ts';
import { action, type Cli, group, leaf, type Session, usageError } from '../command.ts';
import { collect } from '../config-flags.ts';
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

const keyArgument = 'id or label of the key';

export function keyCommands(cli: Cli): Command {
  return group('key', 'create, change and revoke API keys', [
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
    'create a key and show its secret once',
    'flm key create laptop\nflm key create ci --model "qwen*" --rpm 60 --tokens-per-day 200000 --expires 90d',
  ).argument('<label>', 'name of the person or program that uses the key');
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
    'create a key with an existing secret, read from standard input; or many new keys from a CSV file',
    'flm key import old-gateway < secret.txt\nflm key import people.csv > secrets.csv',
  )
    .argument(
      '<label|file.csv>',
      'name of the person or program that uses the key; or a file with one key a line',
    )
    .addHelpText('after', `\nColumns of the CSV file: ${importColumns.join(', ')}. Only label is required.`);
  return addRules(command).action(
    action(cli, async (session, flags: RuleFlags, name: string) => {
      if (/\.csv$/i.test(name)) return importTable(session, flags, name);
      const request = requestOf(session, 'key import', name, flags);
      const secret = (await session.terminal.readAll(maxSecretBytes)).trim();
      if (secret === '')
        throw usageError('key import', 'No secret came on standard input; pipe or redirect it from a file.');
      const { record, isNew } = await session.flm.security.importKey(request, secret);
      if (session.json) session.terminal.out(JSON.stringify(keyDocument({ record, lastUse: undefined })));
      else if (isNew) session.terminal.out(`Imported as ${record.id}. Clients keep their secret.`);
      else session.terminal.out(`${record.id} (${printable(record.label)}) already has this secret.`);
      if (!isNew)
        session.terminal.talk(
          `Its label and rules did not change; change them with \`flm key set ${record.id}\`.`,
        );
    }),
  );
}

/** All keys or none. Standard output has the secrets, as CSV. */
async function importTable(session: Session, flags: RuleFlags, path: string): Promise<void> {
  if (Object.keys(requestOf(session, 'key import', '', flags)).length > 1)
    throw usageError('key import', 'With a CSV file, give the rules in its columns.');
  const { terminal, json, flm } = session;
  const created = await flm.security.createKeys(await readText(path, terminal));
  const keys = created.map(({ record, key }) => ({ ...keyDocument({ record, lastUse: undefined }), key }));
  if (json) return terminal.out(JSON.stringify({ keys }));
  const what = created.length === 1 ? '1 key' : `${created.length} keys`;
  terminal.talk(`Created ${what}. Save the secrets now: they are shown only once.`);
  terminal.write(createdKeysCsv(created));
}

interface ListFlags {
  readonly search?: string;
  readonly owner?: string;
  readonly state?: string;
  readonly csv?: boolean;
}

function list(cli: Cli): Command {
  return leaf('list', 'list keys and their rules', 'flm key list\nflm key list --owner ann --csv > keys.csv')
    .alias('ls')
    .option('--search <text>', 'only keys with this text in their label, owner, id or first characters')
    .option('--owner <name>', 'only keys of this owner')
    .addOption(new Option('--state <state>', 'only keys in this state').choices(keyStates))
    .option('--csv', 'print a table for a spreadsheet, which `key import` reads')
    .action(
      action(cli, async (session, { csv, ...filter }: ListFlags) => {
        const { keys: all, lastUseProblem } = await session.flm.security.listKeys();
        const { terminal } = session;
        const nowMs = session.flm.machine.clock.nowMs();
        // Commander checked the state.
        const keys = filterKeys(all, filter as KeyFilter, nowMs);
        if (session.json && csv === true) throw usageError('key list', 'Give --json or --csv, not both.');
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
  return leaf('show', 'show a key and how much of its limits is used', 'flm key show laptop')
    .argument('<key>', keyArgument)
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
    'change a key; rules without a flag stay, a given list replaces the old list',
    'flm key set laptop --label old-laptop\nflm key set ci --rpm 120 --model "qwen*" --clear expires',
  )
    .argument('<key>', keyArgument)
    .option('--label <label>', 'name of the person or program that uses the key')
    .option('--clear <rule>', `remove a rule: ${clearableRules.join(', ')} (repeatable)`, collect);
  return addRules(command).action(
    action(cli, async (session, flags: SetFlags, name: string) => {
      const record = await session.flm.security.setKey(name, changesOf(session, 'key set', flags));
      tellChanged(session, record, 'Changed', 'Running proxies apply the change now.');
    }),
  );
}

function pause(cli: Cli): Command {
  return leaf('pause', 'refuse a key until it is resumed; running responses finish', 'flm key pause laptop')
    .argument('<key>', keyArgument)
    .action(
      action(cli, async (session, _flags: object, name: string) => {
        const record = await session.flm.security.pauseKey(name);
        const then = `Running responses finish. End the pause: flm key resume ${record.id}`;
        tellChanged(session, record, 'Paused', then);
      }),
    );
}

function resume(cli: Cli): Command {
  return leaf('resume', 'accept a paused key again', 'flm key resume laptop')
    .argument('<key>', keyArgument)
    .action(
      action(cli, async (session, _flags: object, name: string) => {
        const record = await session.flm.security.resumeKey(name);
        tellChanged(session, record, 'Resumed', 'Running proxies accept it again.');
      }),
    );
}

function tellChanged({ terminal, json }: Session, record: ApiKey, verb: string, then: string): void {
  if (json) terminal.out(JSON.stringify(keyDocument({ record, lastUse: undefined })));
  else terminal.out(`${verb} ${record.id} (${printable(record.label)}). ${then}`);
}

function rotate(cli: Cli): Command {
  return leaf(
    'rotate',
    'create a new secret for a key and end the old one',
    'flm key rotate laptop --overlap 1d',
  )
    .argument('<key>', keyArgument)
    .option(
      '--overlap <span>',
      'how long the old secret still works, such as 1d; by default it ends immediately',
    )
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
  return leaf('revoke', 'revoke a key permanently and end its running responses', 'flm key revoke laptop')
    .argument('<key>', keyArgument)
    .action(
      action(cli, async (session, _flags: object, name: string) => {
        tellRevoked(session, await session.flm.security.revokeKey(name));
      }),
    );
}

function tellRevoked(session: Session, { record, unwritten, unreached, stillActive }: RevokedKey): void {
  const { terminal } = session;
  if (session.json) {
    const inMemoryOf = unwritten === undefined ? {} : { inMemoryOf: unwritten.inMemoryOf };
    terminal.out(JSON.stringify({ ...keyDocument({ record, lastUse: undefined }), ...inMemoryOf }));
  } else {
    const name = `${record.id} (${printable(record.label)})`;
    const where = unwritten === undefined ? '' : ` in the memory of ${unwritten.inMemoryOf.join(', ')}`;
    const then = unreached.length > 0 ? '' : ' Running proxies refuse it now.';
    terminal.out(`Revoked ${name}${where}.${then}`);
  }
  const warn = (text: string): void => terminal.talk(`${terminal.paint('yellow', '!')} ${text}`);
  if (unwritten !== undefined) {
    warn(`The revocation is not stored: ${unwritten.problem.message}`);
    terminal.talk(
      `Each proxy stores it as soon as possible. If a proxy ends before that, run \`flm key revoke ${record.id}\` again.`,
    );
  }
  tellStillActive(session, stillActive);
  if (unreached.length === 0) return;
  warn(
    `${unreached.join(', ')} did not confirm it and may still accept the key; end it: flm proxy stop ${unreached[0]}`,
  );
  session.cli.exit = 1;
}

/** `revoke` and `delete` end one secret, but a rotation with an overlap leaves two. */
function tellStillActive({ terminal }: Session, others: readonly ApiKey[]): void {
  for (const { id, expiresAtMs } of others) {
    const until = expiresAtMs === null ? '' : ` until ${new Date(expiresAtMs).toISOString()}`;
    terminal.talk(
      `${terminal.paint('yellow', '!')} ${id}, another secret of the same key, works${until}; end it too: flm key revoke ${id}`,
    );
  }
}

function remove(cli: Cli): Command {
  return leaf('delete', 'delete a key; its usage is kept', 'flm key delete laptop --yes')
    .argument('<key>', keyArgument)
    .option('--yes', 'confirm without asking')
    .action(
      action(cli, async (session, flags: { yes?: boolean }, name: string) => {
        const record = await session.flm.security.findKey(name);
        const effect = `This deletes key ${record.id} (${printable(record.label)}).`;
        await confirm(session, 'key delete', effect, flags.yes === true);
        const { stillActive } = await session.flm.security.deleteKey(record.id);
        if (session.json) session.terminal.out(JSON.stringify({ id: record.id, deleted: true }));
        else session.terminal.out(`Deleted ${record.id}.`);
        tellStillActive(session, stillActive);
      }),
    );
}

function tellCreated(session: Session, { record, key }: CreatedKey): void {
  const { terminal } = session;
  if (session.json) {
    return terminal.out(JSON.stringify({ ...keyDocument({ record, lastUse: undefined }), key }));
  }
  terminal.talk(`Key ${record.id} for ${printable(record.label)}. Save it now: it is shown only once.`);
  terminal.out(key);
}
