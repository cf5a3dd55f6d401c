/** Asks a model through the admin API, which relays the request to a proxy with a temporary key of its own. */
import type { ChatDone, ChatRequest } from '../../core/proxy/chat-document.ts';
import { ApiError } from './client.ts';
import { eventStream } from './event-stream.ts';

export type Message = ChatRequest['messages'][number];

/** `onPiece` gets each part of the answer. Throws an `ApiError` also for an error in the middle of an answer. */
export async function ask(
  request: ChatRequest,
  onPiece: (kind: 'text' | 'reasoning', text: string) => void,
  signal: AbortSignal,
): Promise<ChatDone | undefined> {
  let done: ChatDone | undefined;
  for await (const { event, data } of eventStream('api/v1/chat', signal, request)) {
    // The admin API wrote this JSON; its schemas are those of `ChatEvent`.
    const value = JSON.parse(data);
    if (event === 'piece') onPiece(value.kind, value.text);
    if (event === 'done') done = value as ChatDone;
    if (event === 'error') throw new ApiError(200, value.error);
  }
  return done;
}
