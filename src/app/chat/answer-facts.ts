/** What is known about a whole answer, for `flm chat --json` and the admin API. */
import type { ChatDone } from '../../core/proxy/chat-document.ts';
import { type ChatAnswer, tokensPerSecond } from './chat-client.ts';

export function answerFacts(answer: ChatAnswer): ChatDone {
  const { model, finishReason, usage, firstTokenMs, totalMs, requestId } = answer;
  return {
    model,
    finishReason,
    usage,
    timings: {
      firstTokenMs: firstTokenMs === null ? null : Math.round(firstTokenMs),
      totalMs: Math.round(totalMs),
      tokensPerSecond: tokensPerSecond(answer),
    },
    requestId,
  };
}
