/** A chat with a model: the request goes through a running proxy with a temporary key, which the caller never sees. */
import { chatDoneSchema, chatPieceSchema, chatRequestSchema } from '../../core/proxy/chat-document.ts';
import { eventOperation, type Operation } from '../operation.ts';

export const chatOperations: readonly Operation[] = [
  eventOperation({
    id: 'chat',
    method: 'POST',
    path: '/chat',
    tag: 'chat',
    summary: 'Ask a model through a running proxy, and stream the answer. It counts as usage of `flm chat`.',
    scope: 'admin',
    body: chatRequestSchema,
    status: 200,
    events: { piece: chatPieceSchema, done: chatDoneSchema },
    watch: ({ services }, { body }, signal) => services.chat(body, signal),
  }),
];
