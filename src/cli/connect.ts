/**
 * `flm connect`: what to paste into a client so that it comes in through flm, and whether it did.
 */
import type { Command } from 'commander';
import { isLoopback } from '../core/proxy/proxy-config.ts';
import { type ProxyStatus, proxyUrl } from '../core/proxy/proxy-handle.ts';
import { type ClientRecipe, type ConnectTarget, clients } from './clients.ts';
import { action, type Cli, leaf, type Session, usageError } from './command.ts';
import { waitForRequest } from './connect-wait.ts';
import { printable, printableLines, table } from './layout.ts';
import { likelyChats } from './likely-chats.ts';

interface ConnectFlags {
  readonly model?: string;
  readonly host?: string;
  readonly key?: string;
  readonly newKey?: string;
  readonly proxy?: string;
  readonly wait?: boolean;
}

/** Stands where no engine tells of a model. */
const noModel = 'MODEL';

export function connectCommand(cli: Cli): Command {
  return leaf(
    'connect',
    'settings to paste into a client; without one, the list of them',
    'flm connect\nflm connect claude-code --model qwen3 --new-key laptop\nflm connect open-webui --host host.docker.internal --wait',
  )
    .argument('[client]', 'one of the list')
    .option('--model <name>', 'model to set; by default the first one')
    .option('--host <name>', 'how the client reaches this machine, such as host.docker.internal')
    .option('--key <key>', 'key to set; by default the variable FLM_API_KEY is named in its place')
    .option('--new-key <label>', 'make a key and set it')
    .option('--proxy <proxy>', 'id or profile; may be left out where one runs')
    .option('--wait', 'wait for a request that comes through, and say how it went')
    .addHelpText('after', '\nWith --wait and --json a second document tells of the request.')
    .action(
      action(cli, async (session, flags: ConnectFlags, name: string | undefined) => {
        if (name === undefined) return listClients(session);
        const client = findClient(name);
        if (flags.key !== undefined && flags.newKey !== undefined)
          throw usageError('connect', 'Give either --key or --new-key, not both.');
        const handle = await session.flm.proxies.find(flags.proxy);
        const status = await session.flm.control(handle).status(session.signal);
        // It ended while it was asked; `find` says so in its own words.
        if (status === 'gone') return void (await session.flm.proxies.find(handle.id));
        const to = await targetOf(session, status, flags);
        await tellSettings(session, client, to, await warningsOf(session, status, client, to, flags));
        if (flags.wait === true) await waitForRequest(session, handle, client.name);
      }),
    );
}

function listClients({ terminal, json }: Session): void {
  const rows = clients.map((c) => [c.id, c.name, c.route]);
  if (json)
    terminal.out(JSON.stringify({ clients: clients.map(({ id, name, route }) => ({ id, name, route })) }));
  else {
    terminal.out(table(['CLIENT', 'NAME', 'ASKS FOR'], rows));
    terminal.talk('\nShow the settings of one: flm connect CLIENT');
  }
}

function findClient(name: string): ClientRecipe {
  const plain = name.toLowerCase();
  const found = clients.find((c) => c.id === plain || c.name.toLowerCase() === plain);
  if (found !== undefined) return found;
  const names = clients.map((c) => c.id).join(', ');
  throw usageError('connect', `There are no settings for ${printable(name)}; there are for ${names}.`);
}

async function targetOf(session: Session, status: ProxyStatus, flags: ConnectFlags): Promise<ConnectTarget> {
  const origin = originOf(status, flags.host);
  const model = flags.model ?? firstModel(status) ?? noModel;
  // Last: where something is wrong before, no key is left behind.
  const made =
    flags.newKey === undefined ? undefined : await session.flm.security.createKey({ label: flags.newKey });
  return { origin, model, key: made?.key ?? flags.key };
}

function originOf(status: ProxyStatus, host: string | undefined): string {
  if (host === undefined) return status.url;
  const literal = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
  const origin = `${new URL(status.url).protocol}//${literal}:${status.handle.port}`;
  if (!URL.canParse(origin) || !/^(\[[0-9a-fA-F:.]+\]|[\w.-]+)$/.test(literal))
    throw usageError('connect', '--host takes a host name or address, without scheme and port.');
  return origin;
}

/** One that is in memory, else the first that there is; those that only embed come last. */
function firstModel(status: ProxyStatus): string | undefined {
  const all = status.engines.flatMap((e) => e.models);
  const models = [...all.filter((m) => likelyChats(m.id)), ...all.filter((m) => !likelyChats(m.id))];
  return (models.find((m) => m.loaded === true) ?? models[0])?.id;
}

/** What would keep the client from coming through, each with what mends it. */
async function warningsOf(
  session: Session,
  status: ProxyStatus,
  client: ClientRecipe,
  to: ConnectTarget,
  flags: ConnectFlags,
): Promise<readonly string[]> {
  const { flm, signal } = session;
  const warnings: string[] = [];
  const { host } = new URL(to.origin);
  const { answersForHost } = await import('../app/host-check.ts');
  if (
    flags.host !== undefined &&
    !(await answersForHost(proxyUrl(status.handle), host, signal, await flm.certificates.known()))
  ) {
    warnings.push(
      `The proxy does not answer for ${flags.host}: stop it, and start it with --public-host ${flags.host}.`,
    );
  }
  if (flags.host !== undefined && status.handle.addresses.every(isLoopback)) {
    warnings.push(
      `The proxy listens on this machine's loopback addresses alone; ${flags.host} works where it leads to these.`,
    );
  }
  const file = status.certificate?.authorityFile;
  if (file !== undefined) {
    warnings.push(
      `The client must trust the local CA: on Node NODE_EXTRA_CA_CERTS=${file}, in Python SSL_CERT_FILE=${file}, others by \`flm cert trust\`; on another machine by \`flm cert trust --device\`.`,
    );
  }
  if (status.models === 0) warnings.push('No engine tells of a model yet; put its name in place of MODEL.');
  const { speakersOf } = await import('../app/engine-speech.ts');
  const { asked, speakers } = speakersOf(status.engines, to.model, client.route);
  if (asked.length > 0 && speakers.length === 0) {
    warnings.push(
      `${client.name} asks for ${client.route}, which ${asked.join(', ')} does not speak; flm does not translate.`,
    );
  }
  if (to.key === undefined && (await flm.security.listKeys()).length === 0)
    warnings.push('There is no key yet; make one with --new-key LABEL, or with `flm key create LABEL`.');
  return warnings;
}

async function tellSettings(
  session: Session,
  client: ClientRecipe,
  to: ConnectTarget,
  warnings: readonly string[],
): Promise<void> {
  const { terminal } = session;
  const snippets = client.snippets(to);
  const baseUrl = client.base === '/v1' ? `${to.origin}/v1` : to.origin;
  if (session.json) {
    const { id, name, notes } = client;
    const key = to.key ?? '$FLM_API_KEY';
    terminal.out(
      JSON.stringify({ client: id, name, baseUrl, model: to.model, key, snippets, notes, warnings }),
    );
    return;
  }
  terminal.out(terminal.paint('bold', client.name));
  for (const { place, text } of snippets) {
    terminal.out(`\n${terminal.paint('dim', `${place}:`)}\n`);
    terminal.out(printableLines(text));
  }
  terminal.out('');
  for (const note of client.notes) terminal.talk(note);
  if (to.key === undefined)
    terminal.talk(
      'FLM_API_KEY stands for your key: export it, or give --key KEY or --new-key LABEL to have it filled in.',
    );
  for (const warning of warnings) terminal.talk(`${terminal.paint('yellow', '!')} ${printable(warning)}`);
}
