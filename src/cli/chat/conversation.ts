/**
 * The conversation of `flm chat` in a terminal: questions, answers, and commands that begin with a slash.
 *
 * Ctrl-C stops the current answer. Without one it clears the line, or leaves. A stopped answer stays part of the
 * conversation. A failed question does not: the next question is sent as if the failed one had not been asked.
 */
import {
  type ChatAnswer,
  type ChatClient,
  type ChatMessage,
  type ContentPart,
  tokensPerSecond,
} from '../../app/chat/chat-client.ts';
import { type Session, tellError } from '../command.ts';
import { t } from '../i18n/texts.ts';
import { facts, hanging, printable } from '../terminal/layout.ts';
import type { TypedLines } from '../terminal/typed-lines.ts';
import { amount, shortTime } from '../terminal/units.ts';
import { ChatFileProblem, readImage, saveConversation } from './chat-files.ts';
import { ChatWriter } from './chat-writer.ts';
import { type ModelLoad, watchFirstToken } from './first-token-wait.ts';

const texts = t.chat;

/** Resolves when the user leaves. */
export async function converse(
  session: Session,
  client: ChatClient,
  model: string,
  load: (model: string) => Promise<ModelLoad>,
): Promise<void> {
  const { terminal, signal } = session;
  const lines = terminal.typedLines(texts.commands.map(([command]) => command.split(' ')[0] ?? ''));
  const conversation = new Conversation(session, client, model, load);
  const leave = (): void => lines.close();
  signal.addEventListener('abort', leave);
  lines.onInterrupt = (typed) => {
    // The line was already cleared. In an empty line there is nothing to stop.
    if (!conversation.interrupt() && typed === '') lines.close();
  };
  terminal.talk(hanging('', texts.hello(printable(model)), terminal.tableColumns));
  try {
    for (;;) {
      const said = await nextMessage(lines);
      if (said === undefined || signal.aborted) break;
      if ((await conversation.take(said)) === 'leave') break;
    }
  } finally {
    signal.removeEventListener('abort', leave);
    lines.close();
  }
}

/** Reads one message: a line, or several lines that end in a backslash or stand between two lines of three quotes. */
async function nextMessage(lines: TypedLines): Promise<string | undefined> {
  const quotes = '"""';
  let said = await lines.next('> ');
  if (said?.trim().startsWith(quotes) === true) {
    let text = said.trim().slice(quotes.length);
    while (!text.trimEnd().endsWith(quotes)) {
      said = await lines.next('... ');
      if (said === undefined) return undefined;
      text += `\n${said}`;
    }
    const whole = text.trimEnd().slice(0, -quotes.length).replace(/^\n/, '').trimEnd();
    // A space keeps a first line with a slash from being a command.
    return whole.startsWith('/') ? ` ${whole}` : whole;
  }
  while (said?.endsWith('\\') === true) {
    const more = await lines.next('... ');
    if (more === undefined) return undefined;
    said = `${said.slice(0, -1)}\n${more}`;
  }
  return said;
}

/** Undefined if the engine reports no tokens. */
function speedText(answer: ChatAnswer): string | undefined {
  const { usage, firstTokenMs } = answer;
  if (usage === null) return undefined;
  const perSecond = tokensPerSecond(answer);
  return texts.tokens(
    amount(usage.outputTokens),
    perSecond === null ? undefined : String(perSecond),
    firstTokenMs === null ? undefined : shortTime(firstTokenMs),
  );
}

class Conversation {
  readonly #session: Session;
  readonly #client: ChatClient;
  readonly #load: (model: string) => Promise<ModelLoad>;
  #model: string;
  #messages: ChatMessage[] = [];
  #system: string | undefined;
  /** Images for the next question. */
  #images: ContentPart[] = [];
  #answering: AbortController | undefined;

  constructor(
    session: Session,
    client: ChatClient,
    model: string,
    load: (model: string) => Promise<ModelLoad>,
  ) {
    this.#session = session;
    this.#client = client;
    this.#model = model;
    this.#load = load;
  }

  /** Stops the current action; false if there is none. */
  interrupt(): boolean {
    if (this.#answering === undefined) return false;
    this.#answering.abort();
    return true;
  }

  async take(said: string): Promise<'leave' | 'on'> {
    const line = said.trim();
    if (line === '') return 'on';
    if (!line.startsWith('/') || said.startsWith(' ') || line.includes('\n'))
      await this.#ask(said.replace(/^ (?=\/)/, '').trimEnd());
    else return this.#command(line);
    return 'on';
  }

  async #command(line: string): Promise<'leave' | 'on'> {
    const { terminal } = this.#session;
    const [name = '', ...rest] = line.split(/\s+/);
    const argument = rest.join(' ');
    switch (name) {
      case '/exit':
      case '/quit':
      case '/bye':
        return 'leave';
      case '/help':
      case '/?':
        terminal.out(facts(texts.commands, terminal.tableColumns));
        terminal.talk(hanging('', texts.manyLines, terminal.tableColumns));
        return 'on';
      case '/clear':
        this.#messages = [];
        this.#images = [];
        terminal.talk(texts.cleared);
        return 'on';
      case '/models':
        await this.#listModels();
        return 'on';
      case '/model':
        if (argument !== '') this.#model = argument;
        terminal.talk(texts.model(printable(this.#model)));
        return 'on';
      case '/system':
        this.#setSystem(argument);
        return 'on';
      case '/image':
      case '/save':
        await this.#withFile(name, argument);
        return 'on';
      default:
        terminal.talk(hanging('', texts.unknown(printable(name)), terminal.tableColumns));
        return 'on';
    }
  }

  #setSystem(text: string): void {
    const { terminal } = this.#session;
    if (text === 'off') {
      this.#system = undefined;
      return terminal.talk(texts.systemRemoved);
    }
    if (text !== '') this.#system = text;
    terminal.talk(this.#system === undefined ? texts.noSystem : texts.system(printable(this.#system)));
  }

  async #withFile(command: '/image' | '/save', path: string): Promise<void> {
    const { terminal } = this.#session;
    if (path === '') return terminal.talk(texts.needsFile(command));
    try {
      if (command === '/image') {
        const { part, bytes } = await readImage(path);
        this.#images.push(part);
        return terminal.talk(texts.image(printable(path), Math.ceil(bytes / 1024)));
      }
      if (this.#messages.length === 0) return terminal.talk(texts.nothingToSave);
      const messages = this.#withSystem(this.#messages);
      await saveConversation(path, this.#model, messages);
      terminal.talk(texts.saved(printable(path), messages.length));
    } catch (error) {
      if (!(error instanceof ChatFileProblem)) throw error;
      terminal.talk(`${terminal.paint('yellow', '!')} ${printable(error.message)}`);
    }
  }

  #withSystem(messages: readonly ChatMessage[]): readonly ChatMessage[] {
    return this.#system === undefined ? messages : [{ role: 'system', content: this.#system }, ...messages];
  }

  async #listModels(): Promise<void> {
    const { terminal } = this.#session;
    await this.#stoppable(async (signal) => {
      for (const { id, owner } of await this.#client.models(signal)) {
        const mark = id === this.#model ? '*' : ' ';
        terminal.out(`${mark} ${printable(id)}  ${terminal.paint('dim', printable(owner))}`);
      }
    });
  }

  async #ask(question: string): Promise<void> {
    const { terminal } = this.#session;
    const writer = new ChatWriter(terminal);
    const images = this.#images;
    const content = images.length === 0 ? question : [{ type: 'text' as const, text: question }, ...images];
    const messages: readonly ChatMessage[] = [...this.#messages, { role: 'user', content }];
    let said = '';
    await this.#stoppable(async (signal) => {
      const wait = watchFirstToken(this.#session, await this.#load(this.#model));
      try {
        const answer = await this.#client.answer(
          this.#model,
          this.#withSystem(messages),
          (piece) => {
            wait.end();
            if (piece.kind === 'text') said += piece.text;
            writer.piece(piece);
          },
          signal,
        );
        writer.end();
        if (answer.text === '') terminal.talk(texts.noAnswer);
        if (answer.finishReason === 'length') terminal.talk(texts.cut);
        const speed = speedText(answer);
        if (speed !== undefined) terminal.talk(terminal.paint('dim', speed));
      } finally {
        wait.end();
        writer.end();
      }
    });
    // The visible part of an answer stays in the conversation, even if the answer was stopped.
    if (said === '') return;
    this.#messages = [...messages, { role: 'assistant', content: said }];
    this.#images = [];
  }

  /** Runs an action that Ctrl-C stops. Prints an error instead of throwing it. */
  async #stoppable(run: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { terminal, signal } = this.#session;
    const answering = new AbortController();
    this.#answering = answering;
    try {
      await run(AbortSignal.any([signal, answering.signal]));
    } catch (error) {
      if (answering.signal.aborted) terminal.talk(texts.stopped);
      else if (!signal.aborted) tellError(error, terminal, false);
    } finally {
      this.#answering = undefined;
    }
  }
}
