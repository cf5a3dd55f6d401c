/**
 * The conversation of `flm chat` in a terminal: questions, answers, and commands that begin with a slash.
 *
 * Ctrl-C stops the current answer. Without one it clears the line, or leaves. A stopped answer stays part of the
 * conversation. A failed question does not: the next question is sent as if the failed one had not been asked.
 */
import { type Session, tellError } from '../command.ts';
import { facts, printable } from '../terminal/layout.ts';
import type { ChatClient, ChatMessage } from './chat-client.ts';
import { ChatWriter } from './chat-writer.ts';
import { type ModelLoad, watchFirstToken } from './first-token-wait.ts';

const commands: readonly (readonly [string, string])[] = [
  ['/model NAME', 'continue with another model'],
  ['/models', 'list the available models'],
  ['/clear', 'forget the conversation'],
  ['/help', 'this list'],
  ['/exit', 'leave; Ctrl-D does too'],
];

/** Resolves when the user leaves. */
export async function converse(
  session: Session,
  client: ChatClient,
  model: string,
  load: (model: string) => Promise<ModelLoad>,
): Promise<void> {
  const { terminal, signal } = session;
  const lines = terminal.typedLines();
  const conversation = new Conversation(session, client, model, load);
  const leave = (): void => lines.close();
  signal.addEventListener('abort', leave);
  lines.onInterrupt = (typed) => {
    // The line was already cleared. In an empty line there is nothing to stop.
    if (!conversation.interrupt() && typed === '') lines.close();
  };
  terminal.talk(
    `Talking to ${printable(model)}. Ctrl-C stops an answer, Ctrl-D leaves, /help lists the commands.`,
  );
  try {
    for (;;) {
      const said = await lines.next('> ');
      if (said === undefined || signal.aborted) break;
      if ((await conversation.take(said)) === 'leave') break;
    }
  } finally {
    signal.removeEventListener('abort', leave);
    lines.close();
  }
}

class Conversation {
  readonly #session: Session;
  readonly #client: ChatClient;
  readonly #load: (model: string) => Promise<ModelLoad>;
  #model: string;
  #messages: ChatMessage[] = [];
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
    if (!line.startsWith('/') || said.startsWith(' ') || line.includes('\n')) await this.#ask(said.trimEnd());
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
        terminal.out(facts(commands));
        return 'on';
      case '/clear':
        this.#messages = [];
        terminal.talk('The conversation was cleared.');
        return 'on';
      case '/models':
        await this.#listModels();
        return 'on';
      case '/model':
        if (argument !== '') this.#model = argument;
        terminal.talk(`The model is ${printable(this.#model)}.`);
        return 'on';
      default:
        terminal.talk(
          `There is no command ${printable(name)}; /help lists them. To send this text as a question, begin with a space.`,
        );
        return 'on';
    }
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
    const messages: readonly ChatMessage[] = [...this.#messages, { role: 'user', content: question }];
    let said = '';
    await this.#stoppable(async (signal) => {
      const wait = watchFirstToken(this.#session, await this.#load(this.#model));
      try {
        const answer = await this.#client.answer(
          this.#model,
          messages,
          (piece) => {
            wait.end();
            if (piece.kind === 'text') said += piece.text;
            writer.piece(piece);
          },
          signal,
        );
        if (answer.text === '') terminal.talk('The model gave no answer.');
        if (answer.finishReason === 'length') terminal.talk('The answer was cut at the limit of tokens.');
      } finally {
        wait.end();
        writer.end();
      }
    });
    // The visible part of an answer stays in the conversation, even if the answer was stopped.
    if (said !== '') this.#messages = [...messages, { role: 'assistant', content: said }];
  }

  /** Runs an action that Ctrl-C stops. Prints an error instead of throwing it. */
  async #stoppable(run: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { terminal, signal } = this.#session;
    const answering = new AbortController();
    this.#answering = answering;
    try {
      await run(AbortSignal.any([signal, answering.signal]));
    } catch (error) {
      if (answering.signal.aborted) terminal.talk('Stopped.');
      else if (!signal.aborted) tellError(error, terminal, false);
    } finally {
      this.#answering = undefined;
    }
  }
}
