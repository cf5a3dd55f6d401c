/**
 * `flm explain`: what an error means and how to fix it, from the error table; and why a request was refused, asked of
 * every proxy that runs.
 */
import type { Command } from 'commander';
import { nearNames } from '../../core/engine/name-suggestions.ts';
import {
  type ErrorCode,
  type ErrorRow,
  errorHint,
  errorTable,
  errorText,
  ProxyError,
} from '../../core/errors.ts';
import type { RecordedRefusal } from '../../core/proxy/ports.ts';
import type { ProxyHandle } from '../../core/proxy/proxy-handle.ts';
import { action, type Cli, leaf, type Session } from '../command.ts';
import { codeForPeople } from '../i18n/error-texts.ts';
import { t } from '../i18n/texts.ts';
import { translated } from '../i18n/translated.ts';
import { facts, moment, printable } from '../terminal/layout.ts';

const texts = t.explain;

export function explainCommand(cli: Cli): Command {
  return leaf('explain', texts.help, 'flm explain PROXY_PORT_IN_USE\nflm explain px_4fGh2kQz-1a2b')
    .argument('<code-or-request-id>', texts.arguments.name)
    .action(
      action(cli, async (session, _flags: object, name: string) => {
        const code = name.toUpperCase();
        if (isCode(code)) return tellCode(session, code);
        const found = await findRefusal(session, name);
        if (found === undefined) throw unknown(name);
        tellRefusal(session, found);
      }),
    );
}

/** An error as `--json` prints it; documented in docs/cli.md. */
export function errorDocument(code: ErrorCode) {
  const { text, hint, status, apiCode, exit, retry }: ErrorRow = errorTable[code];
  const reachesClients = status !== 500 || code === 'INTERNAL';
  return {
    code,
    text: withPlaces(text),
    hint: withPlaces(hint),
    /** What a client receives; null for what only an operator meets. */
    status: reachesClients ? status : null,
    apiCode,
    exit,
    retry: reachesClients ? retry : null,
  };
}

/** Whether a command ends with this error; the admin API may answer with it as well. */
export function endsCommands(code: ErrorCode): boolean {
  const { status, level, retry }: ErrorRow = errorTable[code];
  return status === 500 || (level === 'error' && retry === 'never-sent');
}

function tellCode(session: Session, code: ErrorCode): void {
  const document = errorDocument(code);
  const { terminal } = session;
  if (session.json) return terminal.out(JSON.stringify(document));
  const { status, apiCode, exit, retry } = document;
  const text = withPlaces(t.errorTable[code].text, errorTable[code].text);
  const hint = withPlaces(t.errorTable[code].hint, errorTable[code].hint);
  const name = texts.facts;
  terminal.out(
    facts(
      [
        [terminal.paint('bold', code), text],
        [name.fix, hint],
        [name.clients, status === null ? undefined : texts.forClients(status, apiCode)],
        [name.retry, retry === null ? undefined : texts.retries[retry]],
        [name.exit, endsCommands(code) ? texts.exit(exit, texts.exits[exit]) : undefined],
      ],
      terminal.tableColumns,
    ),
  );
}

interface FoundRefusal {
  readonly handle: ProxyHandle;
  readonly refusal: RecordedRefusal;
}

/** One that does not answer does not keep the others from being asked. */
async function findRefusal(session: Session, id: string): Promise<FoundRefusal | undefined> {
  const { flm, signal } = session;
  const handles = await flm.proxies.list();
  const answers = await Promise.allSettled(
    handles.map(async (handle) => ({ handle, refusal: await flm.control(handle).explain(id, signal) })),
  );
  signal.throwIfAborted();
  for (const answer of answers) {
    if (answer.status !== 'fulfilled') continue;
    const { handle, refusal } = answer.value;
    if (refusal !== undefined && refusal !== 'gone') return { handle, refusal };
  }
  return undefined;
}

function tellRefusal(session: Session, { handle, refusal }: FoundRefusal): void {
  const { terminal } = session;
  const { line, rule, atMs } = refusal;
  // With the values that this request met.
  const about = isCode(refusal.code)
    ? { text: errorText(refusal.code, refusal.params), hint: errorHint(refusal.code, refusal.params) }
    : undefined;
  if (session.json) {
    const { id, code } = refusal;
    const { client, method, path, status, keyId, keyLabel, model, engine } = line;
    const request = { client, method, path, status, keyId, keyLabel, model, engine };
    return terminal.out(
      JSON.stringify({
        id,
        proxy: handle.id,
        at: new Date(atMs).toISOString(),
        code,
        rule,
        text: about?.text ?? null,
        hint: about?.hint ?? null,
        request,
      }),
    );
  }
  const told = isCode(refusal.code) ? codeForPeople(refusal.code, refusal.params ?? {}) : undefined;
  const name = texts.facts;
  const key = line.keyId === null ? texts.noKey : texts.key(line.keyId, line.keyLabel);
  const requested = line.method !== '';
  const status = refusal.code === 'TLS_HANDSHAKE_FAILED' ? undefined : line.status;
  terminal.out(
    facts(
      [
        [
          name.request,
          printable(
            requested ? texts.request(line.method, line.path, line.client) : texts.noRequest(line.client),
          ),
        ],
        [name.refused, texts.refused(moment(atMs), handle.id, status)],
        [name.key, requested ? printable(key) : undefined],
        [name.model, line.model === null ? undefined : printable(line.model)],
        [name.rule, printable(translated(rule)) || undefined],
        [name.error, texts.error(refusal.code, printable(told?.message ?? ''))],
        [name.fix, told === undefined ? undefined : printable(told.hint)],
      ],
      terminal.tableColumns,
    ),
  );
}

function isCode(name: string): name is ErrorCode {
  return Object.hasOwn(errorTable, name);
}

function unknown(name: string): ProxyError {
  const codes = Object.keys(errorTable).filter(isCode);
  const ofStatus = codes.filter(
    (code) => 'status' in errorTable[code] && String(errorTable[code].status) === name,
  );
  const near = nearNames(name.toUpperCase(), codes);
  const told =
    ofStatus.length > 0
      ? `; the codes of status ${name} are ${ofStatus.join(', ')}`
      : near.length > 0
        ? `; similar: ${near.join(', ')}`
        : '';
  return new ProxyError('EXPLAIN_UNKNOWN', { params: { name, near: told } });
}

/**
 * Turns `Port {port} is in use{holder}.` into `Port PORT is in use.` A parameter that follows a word or another parameter
 * without a blank in English is optional.
 */
function withPlaces(template: string, english = template): string {
  const optional = new Set(english.match(/(?<=[\w}])\{\w+\}/g));
  return template
    .replaceAll(/\{\w+\}/g, (place) => (optional.has(place) ? '' : place))
    .replaceAll(/\{(\w+)\}/g, (_, name: string) => name.toUpperCase());
}
