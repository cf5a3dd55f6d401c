/**
 * `flm chat`: a conversation with a model through the running proxy, or one question and its answer.
 */
import type { Command } from 'commander';
import type { ChatAnswer, ChatClient, ChatModel } from '../../app/chat-client.ts';
import type { ClientIdentity } from '../../app/client-identity.ts';
import { ProxyError } from '../../core/errors.ts';
import { action, type Cli, leaf, type Session, usageError } from '../command.ts';
import { printable } from '../terminal/layout.ts';
import { canProbablyChat } from './chat-models.ts';
import { converse } from './chat-talk.ts';
import { type ModelLoad, watchFirstToken } from './chat-wait.ts';
import { ChatWriter } from './chat-writer.ts';

interface ChatFlags {
  readonly message?: string;
  readonly proxy?: string;
  readonly clientCert?: string;
  readonly clientKey?: string;
}

/** The largest body that a proxy takes by default. */
const maxQuestionBytes = 64 * 1024 ** 2;

export function chatCommand(cli: Cli): Command {
  return leaf(
    'chat',
    'talk to a model through the running proxy',
    'flm chat\nflm chat qwen3 -m "Why is the sky blue?"\nflm chat qwen3 < question.txt > answer.txt',
  )
    .argument('[model]', 'name of the model; may be left out where there is one')
    .option('-m, --message <text>', 'ask this, print the answer and leave')
    .option('--proxy <proxy>', 'id or profile; may be left out where one runs')
    .option('--client-cert <file>', 'certificate for a proxy that asks for one (--client-ca), PEM')
    .option('--client-key <file>', 'its key, PEM; may be left out where it lies in the same file')
    .addHelpText(
      'after',
      '\nWithout a terminal, or with input from a file or pipe, the question is all of standard input.\n' +
        'The key that it uses lives ten minutes, in the memory of the proxy alone.',
    )
    .action(
      action(cli, async (session, flags: ChatFlags, model: string | undefined) => {
        const { terminal, flm } = session;
        const { ChatClient } = await import('../../app/chat-client.ts');
        const { makeChatAccess } = await import('../../app/chat-access.ts');
        const access = makeChatAccess(flm, flags.proxy, await identityOf(session, flags));
        const client = new ChatClient({ access, clock: flm.machine.clock });
        const load = (name: string): Promise<ModelLoad> => loadOf(session, flags.proxy, name);
        if (flags.message === undefined && terminal.interactive && !session.json) {
          const chosen = await chooseModel(session, client, model);
          if (chosen !== undefined) await converse(session, client, chosen, load);
          return;
        }
        const question = flags.message ?? (await questionFromInput(session));
        if (question.trim() === '')
          throw usageError('chat', 'There is no question; give one with -m, or on standard input.');
        const chosen = model ?? onlyModel(await client.models(session.signal));
        await askOnce(session, client, chosen, question, load);
      }),
    );
}

async function identityOf({ flm }: Session, flags: ChatFlags): Promise<ClientIdentity | undefined> {
  const { clientCert, clientKey } = flags;
  if (clientCert === undefined) {
    if (clientKey === undefined) return undefined;
    throw usageError('chat', '--client-key needs --client-cert, the certificate that the key is for.');
  }
  const { readClientIdentity } = await import('../../app/client-identity.ts');
  return readClientIdentity(clientCert, clientKey, flm.machine.clock.nowMs());
}

async function questionFromInput({ terminal }: Session): Promise<string> {
  if (terminal.inputIsTerminal) throw usageError('chat', 'Give the question with -m TEXT.');
  return terminal.readAll(maxQuestionBytes);
}

/** One question, one answer. To a terminal it is written as it comes, fit for it; to a file or pipe as it is. */
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
  if (answer.finishReason === 'length') terminal.talk('The answer was cut at the limit of tokens.');
}

/** What `--json` prints of an answer; documented in docs/guide.md. */
function answerDocument(answer: ChatAnswer) {
  const { model, text, reasoning, finishReason, usage, firstTokenMs, totalMs, requestId } = answer;
  const restMs = totalMs - (firstTokenMs ?? 0);
  return {
    model,
    text,
    ...(reasoning === '' ? {} : { reasoning }),
    finishReason,
    usage,
    timings: {
      firstTokenMs: firstTokenMs === null ? null : Math.round(firstTokenMs),
      totalMs: Math.round(totalMs),
      tokensPerSecond:
        usage === null || restMs <= 0 ? null : Math.round((usage.outputTokens / restMs) * 10_000) / 10,
    },
    requestId,
  };
}

/** Those that only embed are no choice where another one chats. */
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
  throw usageError('chat', `There are several models; name one of: ${names}.`);
}

/** The named one, the only one, or one that the person picks; undefined where they leave. */
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
    const said = (await terminal.ask('Which one? (number or name) ', session.signal))?.trim();
    if (said === undefined || said === '') return undefined;
    const byNumber = /^\d+$/.test(said) ? models[Number(said) - 1] : undefined;
    const chosen = models.find((m) => m.id === said) ?? byNumber;
    if (chosen !== undefined) return chosen.id;
    terminal.talk('There is no such model in the list.');
  }
}

/** Whether the first token may take long, as far as the engines say. */
async function loadOf(session: Session, which: string | undefined, model: string): Promise<ModelLoad> {
  const { flm, signal } = session;
  const status = await flm.control(await flm.proxies.findServing(which)).status(signal);
  if (status === 'gone') return 'unknown';
  const told = status.engines.flatMap((e) => e.models.filter((m) => m.id === model).map((m) => m.loaded));
  if (told.includes(true)) return 'loaded';
  return told.includes(false) ? 'not-loaded' : 'unknown';
}
