/**
 * An OpenAI-compatible engine whose chat responses a test defines. flm recognises it by its list of models.
 */
import {
  answer,
  chunk,
  type RawEngine,
  type RawRequest,
  type Steps,
  sseHead,
  startRawEngine,
} from './raw-engine.ts';

/** One event of a stream. A string is sent unchanged. */
export function chatEvent(value: object | string): Buffer {
  return chunk(`data: ${typeof value === 'string' ? value : JSON.stringify(value)}\n\n`);
}

export function chatDelta(delta: object, finishReason: string | null = null): Buffer {
  return chatEvent({
    id: 'c',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'm',
    choices: [{ index: 0, delta, finish_reason: finishReason }],
  });
}

/** A complete response without streaming. */
export function chatAnswer(text: string): Steps {
  return [sseHead, chatDelta({ content: text }, 'stop'), chatEvent('[DONE]'), '0\r\n\r\n'];
}

/** `chat` returns the response to each chat request. */
export function startChatEngine(
  models: readonly string[],
  chat: (request: RawRequest) => Steps,
): Promise<RawEngine> {
  const list = {
    object: 'list',
    data: models.map((id) => ({ id, object: 'model', created: 1, owned_by: 'x' })),
  };
  return startRawEngine((_socket, request) => {
    if (request.target === '/v1/models') return [answer(JSON.stringify(list))];
    if (request.target === '/v1/chat/completions') return chat(request);
    return [answer('{"error":{"message":"Not Found"}}', 'application/json', '404 Not Found')];
  });
}
