/**
 * `flm chat`: a conversation with a model through the running proxy, or one question and its answer.
 */
import type { Command } from 'commander';
import { answerFacts } from '../../app/chat/answer-facts.ts';
import type { ChatAnswer, ChatClient, ChatModel } from '../../app/chat/chat-client.ts';
import type { ClientIdentity } from '../../app/client-identity.ts';
import { canProbablyChat } from '../../core/engine/chat-models.ts';
import { ProxyError } from '../../core/errors.ts';
import { action, type Cli, leaf, type Session, usageError } from '../command.ts';
import { t } from '../i18n/texts.ts';
import { printable } from '../terminal/layout.ts';
import { ChatWriter } from './chat-writer.ts';
import { converse } from './conversation.ts';
import { type ModelLoad, watchFirstToken } from './first-token-wait.ts';

const texts = t.chat;

interface ChatFlags {
  readonly message?: string;
  readonly proxy?: string;
  readonly clientCert?: string;
  readonly clientKey?: string;
}

/** The default limit of a proxy for request bodies. */
const maxQuestionBytes = 64 * 1024 ** 2;

export function chatCommand(cli: Cli): Command {
  return leaf(
    'chat',
    texts.help.chat,
    'flm chat\nflm chat qwen3 -m "Why is the sky blue?"\nflm chat qwen3 -m "Summarize this:" < report.txt > summary.md',
  )
    .argument('[model]', texts.arguments.model)
    .option('-m, --message <text>', texts.options.message)
    .option('--proxy <proxy>', texts.options.proxy)
    .option('--client-cert <file>', texts.options.clientCert)
    .option('--client-key <file>', texts.options.clientKey)
    .addHelpText('after', `\n${texts.help.after}`)
    .action(
      action(cli, async (session, flags: ChatFlags, model: string | undefined) => {
        const { terminal, flm } = session;
        const { ChatClient } = await import('../../app/chat/chat-client.ts');
        const { makeChatAccess } = await import('../../app/chat/chat-access.ts');
        const access = makeChatAccess(flm, flags.proxy, await identityOf(session, flags));
        const client = new ChatClient({ access, clock: flm.machine.clock });
        const load = (name: string): Promise<ModelLoad> => loadOf(session, flags.proxy, name);
        if (flags.message === undefined && terminal.interactive && !session.json) {
          const chosen = await chooseModel(session, client, model);
          if (chosen !== undefined) await converse(session, client, chosen, load);
          return;
        }
        const question = await questionOf(session, flags.message);
        if (question.trim() === '') throw usageError('chat', texts.problems.noQuestion);
        const chosen = model ?? onlyModel(await client.models(session.signal));
        await askOnce(session, client, chosen, question, load);
      }),
    );
}

async function identityOf({ flm }: Session, flags: ChatFlags): Promise<ClientIdentity | undefined> {
  const { clientCert, clientKey } = flags;
  if (clientCert === undefined) {
    if (clientKey === undefined) return undefined;
    throw usageError('chat', texts.problems.keyWithoutCertificate);
  }
  const { readClientIdentity } = await import('../../app/client-identity.ts');
  return readClientIdentity(clientCert, clientKey, flm.machine.clock.nowMs());
}

/** The message, the input, or both: `flm chat -m "Summarize this:" < file`. */
async function questionOf({ terminal, signal }: Session, message: string | undefined): Promise<string> {
  if (message !== undefined && !terminal.inputIsRedirected) return message;
  if (message === undefined && terminal.inputIsTerminal) throw usageError('chat', texts.problems.giveMessage);
  const input = await terminal.readAll(maxQuestionBytes, signal);
  if (message === undefined) return input;
  return input.trim() === '' ? message : `${message}\n\n${input}`;
}

/**
 * Sends one question and prints the answer. On a terminal it is streamed and sanitised; to a file or pipe it is written
 * unchanged.
 */
async function askOnce(
  session: Session,
  client: ChatClient,
  model: string,
  question: string,
  load: (model: string) => Promise<ModelLoad>,
): Promise<void> {
  const { terminal, signal } = session;
  const writer = new ChatWriter(terminal);
  const wait = watchFirstToken(session, await load(model));
  let answer: ChatAnswer;
  try {
    answer = await client.answer(
      model,
      [{ role: 'user', content: question }],
      (piece) => {
        wait.end();
        if (session.json) return;
        if (terminal.outIsTerminal) writer.piece(piece);
        else if (piece.kind === 'text') terminal.write(piece.text);
      },
      signal,
    );
  } finally {
    wait.end();
    writer.end();
  }
  if (session.json) return terminal.out(JSON.stringify(answerDocument(answer)));
  if (!terminal.outIsTerminal && !answer.text.endsWith('\n')) terminal.write('\n');
  if (answer.finishReason === 'length') terminal.talk(texts.cut);
}

/** The `--json` output for an answer; documented in docs/guide.md. */
function answerDocument(answer: ChatAnswer) {
  const { text, reasoning } = answer;
  const { model, ...facts } = answerFacts(answer);
  return { model, text, ...(reasoning === '' ? {} : { reasoning }), ...facts };
}

/** Leaves out embedding models if another model can chat. */
function choices(models: readonly ChatModel[]): readonly ChatModel[] {
  const chatting = models.filter((m) => canProbablyChat(m.id));
  return chatting.length > 0 ? chatting : models;
}

function onlyModel(all: readonly ChatModel[]): string {
  const models = choices(all);
  const [first, ...others] = models;
  if (first === undefined) throw new ProxyError('CHAT_NO_MODEL');
  if (others.length === 0) return first.id;
  const names = models.map((m) => printable(m.id)).join(', ');
  throw usageError('chat', texts.problems.severalModels(names));
}

/** The named model, the only model, or the user's choice; undefined if the user leaves. */
async function chooseModel(
  session: Session,
  client: ChatClient,
  named: string | undefined,
): Promise<string | undefined> {
  if (named !== undefined) return named;
  const models = await client.models(session.signal);
  if (choices(models).length < 2) return onlyModel(models);
  const { terminal } = session;
  const digits = String(models.length).length;
  for (const [i, m] of models.entries())
    terminal.out(
      `${String(i + 1).padStart(digits)}  ${printable(m.id)}  ${terminal.paint('dim', printable(m.owner))}`,
    );
  for (;;) {
    const said = (await terminal.ask(texts.choose, session.signal))?.trim();
    if (said === undefined || said === '') return undefined;
    const byNumber = /^\d+$/.test(said) ? models[Number(said) - 1] : undefined;
    const chosen = models.find((m) => m.id === said) ?? byNumber;
    if (chosen !== undefined) return chosen.id;
    terminal.talk(texts.notInList);
  }
}

/** Whether the first token may take long, as far as the engines report it. */
async function loadOf(session: Session, which: string | undefined, model: string): Promise<ModelLoad> {
  const { flm, signal } = session;
  const status = await flm.control(await flm.proxies.findServing(which)).status(signal);
  if (status === 'gone') return 'unknown';
  const told = status.engines.flatMap((e) => e.models.filter((m) => m.id === model).map((m) => m.loaded));
  if (told.includes(true)) return 'loaded';
  return told.includes(false) ? 'not-loaded' : 'unknown';
}
