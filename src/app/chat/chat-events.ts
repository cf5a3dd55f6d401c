/**
 * A chat as a stream of events, for the admin API. A reader that is slower than the model gets fewer and larger pieces, so
 * nothing but the answer itself is kept for it.
 */
import type { ChatEvent, ChatRequest } from '../../core/proxy/chat-document.ts';
import type { Flm } from '../flm.ts';
import { answerFacts } from './answer-facts.ts';
import { makeChatAccess } from './chat-access.ts';
import { type ChatAnswer, ChatClient, type ChatPiece } from './chat-client.ts';

/** Throws what `ChatClient.answer` and `makeChatAccess` throw. */
export async function* chatEvents(
  flm: Flm,
  { proxy, model, messages }: ChatRequest,
  signal: AbortSignal,
): AsyncGenerator<ChatEvent, void, undefined> {
  const access = makeChatAccess(flm, proxy, undefined);
  const client = new ChatClient({ access, clock: flm.machine.clock });
  const left = new AbortController();
  const until = AbortSignal.any([signal, left.signal]);
  let pieces: ChatPiece[] = [];
  let arrived = Promise.withResolvers<void>();
  const take = (piece: ChatPiece): void => {
    const last = pieces.at(-1);
    if (last?.kind === piece.kind) pieces[pieces.length - 1] = { ...last, text: last.text + piece.text };
    else pieces.push(piece);
    arrived.resolve();
  };
  let answer: ChatAnswer | undefined;
  const whole = client.answer(model, messages, take, until).then((value) => {
    answer = value;
  });
  // The loop below throws the error; it may come before anybody waits for it.
  whole.catch(() => {});
  try {
    while (answer === undefined || pieces.length > 0) {
      if (pieces.length === 0) {
        await Promise.race([whole, arrived.promise]);
        arrived = Promise.withResolvers();
      }
      const taken = pieces;
      pieces = [];
      for (const data of taken) yield { event: 'piece', data };
    }
    yield { event: 'done', data: answerFacts(answer) };
  } finally {
    left.abort();
  }
}
