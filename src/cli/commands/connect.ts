/**
 * `flm connect`: prints the settings that a client needs to use flm, and checks whether its request arrives.
 */
import type { Command } from 'commander';
import { notesOf } from '../../app/connect/notes.ts';
import { noModel, originOf, targetOf } from '../../app/connect/target.ts';
import { warningsOf } from '../../app/connect/warnings.ts';
import { type Advice, adviceText } from '../../clients/advice.ts';
import { clients, findRecipe } from '../../clients/clients.ts';
import { baseUrlOf, type ClientRecipe, clientName, snippetsOf } from '../../clients/recipe.ts';
import type { ConnectTarget } from '../../clients/snippet.ts';
import { action, type Cli, leaf, type Session, usageError } from '../command.ts';
import { t } from '../i18n/texts.ts';
import type { FileDocument, Written } from '../settings/write-settings.ts';
import { hanging, printable, printableLines, table } from '../terminal/layout.ts';
import { waitForRequest } from './connect-wait.ts';

const texts = t.connect;

interface ConnectFlags {
  readonly model?: string;
  readonly host?: string;
  readonly key?: string;
  readonly newKey?: string;
  readonly proxy?: string;
  readonly wait?: boolean;
  readonly write?: boolean;
  readonly undo?: boolean;
  readonly file?: string;
  readonly yes?: boolean;
}

export function connectCommand(cli: Cli): Command {
  const { options } = texts;
  return leaf(
    'connect',
    texts.help.connect,
    'flm connect\nflm connect claude-code --model qwen3 --new-key laptop\nflm connect open-webui --host host.docker.internal --wait',
  )
    .argument('[client...]', texts.arguments.client)
    .option('--model <name>', options.model)
    .option('--host <name>', options.host)
    .option('--key <key>', options.key)
    .option('--new-key <label>', options.newKey)
    .option('--proxy <proxy>', options.proxy)
    .option('--wait', options.wait)
    .option('--write', options.write)
    .option('--undo', options.undo)
    .option('--file <path>', options.file)
    .option('--yes', options.yes)
    .addHelpText('after', `\n${texts.help.after}`)
    .action(
      action(cli, async (session, flags: ConnectFlags, words: readonly string[]) => {
        if (words.length === 0) return listClients(session);
        const client = clientNamed(words.join(' '));
        if (flags.key !== undefined && flags.newKey !== undefined)
          throw usageError('connect', t.flags.notBoth('--key', '--new-key'));
        checkFileFlags(flags);
        if (flags.undo === true) {
          const { undoSettings } = await import('../settings/write-settings.ts');
          return undoSettings(session, client, flags.file);
        }
        const handle = await session.flm.proxies.findServing(flags.proxy);
        const status = await session.flm.control(handle).status(session.signal);
        // The proxy ended meanwhile. `find` throws the right error.
        if (status === 'gone') return void (await session.flm.proxies.find(handle.id));
        const origin = originOf(status, flags.host);
        if (origin === undefined) throw usageError('connect', texts.problems.host);
        const { target, context } = await targetOf(session, status, { origin, model: flags.model });
        const key = (): Promise<string | undefined> => keyOf(session, flags);
        // Last, so that an earlier error leaves no unused key.
        const written = flags.write === true ? await write(session, client, target, flags, key) : undefined;
        const to = { ...target, key: written === undefined ? await key() : written.key };
        const warnings = await warningsOf(session, status, client, to, context, flags.host !== undefined);
        const said = (advice: Advice): string => adviceText(t.connectAdvice, advice);
        await tellSettings(session, client, to, {
          notes: [
            ...client.notes.map((note) => t.connectAdvice.clients.notes[note]),
            ...notesOf(client, to, context).map(said),
          ],
          warnings: [...warnings.map(said), ...(written?.warnings ?? [])],
          file: written?.file,
        });
        if (flags.wait === true) await waitForRequest(session, handle, nameOf(client));
      }),
    );
}

function checkFileFlags({ write, undo, file, yes, wait, newKey }: ConnectFlags): void {
  if (write === true && undo === true) throw usageError('connect', t.flags.notBoth('--write', '--undo'));
  if (undo === true && (wait === true || newKey !== undefined))
    throw usageError('connect', texts.problems.undoAlone);
  if (write !== true && undo !== true && (file !== undefined || yes === true))
    throw usageError('connect', texts.problems.fileFlags);
}

async function write(
  session: Session,
  client: ClientRecipe,
  target: ConnectTarget,
  flags: ConnectFlags,
  key: () => Promise<string | undefined>,
): Promise<Written> {
  if (target.model === noModel) throw usageError('connect', texts.problems.noModel);
  const { writeSettings } = await import('../settings/write-settings.ts');
  const hasKey = flags.key !== undefined || flags.newKey !== undefined;
  return writeSettings(session, client, target, {
    file: flags.file,
    yes: flags.yes === true,
    hasKey,
    key,
  });
}

function listClients({ terminal, json }: Session): void {
  const { columns } = texts;
  const rows = clients.map((c) => [c.id, nameOf(c), c.route]);
  if (json)
    terminal.out(JSON.stringify({ clients: clients.map(({ id, name, route }) => ({ id, name, route })) }));
  else {
    terminal.out(table([columns.client, columns.name, columns.route], rows, terminal.tableColumns));
    terminal.talk(`\n${texts.showOne}`);
  }
}

const nameOf = (client: ClientRecipe): string => clientName(client, t.connectAdvice.clients);

/** Throws USAGE with similar names. */
function clientNamed(name: string): ClientRecipe {
  const found = findRecipe(name);
  if (!('length' in found)) return found;
  const near = found.map((c) => c.id).join(', ');
  const names = clients.map((c) => c.id).join(', ');
  throw usageError('connect', texts.problems.unknownClient(printable(name), near, names));
}

async function keyOf({ flm }: Session, { key, newKey }: ConnectFlags): Promise<string | undefined> {
  return newKey === undefined ? key : (await flm.security.createKey({ label: newKey })).key;
}

interface Told {
  readonly notes: readonly string[];
  readonly warnings: readonly string[];
  /** The client's file, if it was written. */
  readonly file: FileDocument | undefined;
}

async function tellSettings(
  session: Session,
  client: ClientRecipe,
  to: ConnectTarget,
  { notes, warnings, file }: Told,
): Promise<void> {
  const { terminal } = session;
  const snippets = snippetsOf(client, to, {
    texts: t.connectAdvice.clients,
    own: file === undefined ? undefined : client.file?.remaining(to),
  });
  const baseUrl = baseUrlOf(client, to);
  if (session.json) {
    const document = {
      client: client.id,
      name: client.name,
      baseUrl,
      model: to.model,
      ...(to.contextTokens === undefined ? {} : { contextLength: to.contextTokens }),
      key: to.key ?? '$FLM_API_KEY',
      ...(file === undefined ? {} : { file }),
      snippets,
      notes,
      warnings,
    };
    terminal.out(JSON.stringify(document));
    return;
  }
  if (file === undefined) terminal.out(terminal.paint('bold', nameOf(client)));
  for (const { place, text } of snippets) {
    terminal.out(`\n${terminal.paint('dim', `${place}:`)}\n`);
    terminal.out(printableLines(text));
  }
  terminal.out('');
  for (const note of notes) terminal.talk(hanging('', printable(note), terminal.tableColumns));
  for (const warning of warnings)
    terminal.talk(hanging(`${terminal.paint('yellow', '!')} `, printable(warning), terminal.tableColumns));
}
