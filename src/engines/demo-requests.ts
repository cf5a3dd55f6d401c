/**
 * Schemas of the request bodies that the demo engine accepts. Options that it cannot honour are ignored.
 */
import { z } from 'zod';
import { demoDimensions, demoModel } from './demo-speech.ts';

const model = z.literal(demoModel, { error: `model: only ${demoModel} is here` });
const streamOptions = z.object({ include_usage: z.boolean().nullish() }).nullish();
const tokens = z.int().min(1).nullish();

const part = z.union([
  z.object({ type: z.literal('text'), text: z.string() }),
  z.object({ type: z.string() }).transform(() => ({ type: 'other', text: '' })),
]);

const message = z.object({
  role: z.string(),
  content: z.union([z.string(), z.array(part)]).nullish(),
});

export const chatRequest = z.object({
  model,
  messages: z.array(message).min(1),
  stream: z.boolean().nullish(),
  stream_options: streamOptions,
  max_tokens: tokens,
  max_completion_tokens: tokens,
});

export const completionRequest = z.object({
  model,
  prompt: z.union([z.string(), z.array(z.string()).min(1)]),
  stream: z.boolean().nullish(),
  stream_options: streamOptions,
  max_tokens: tokens,
});

export const embeddingRequest = z.object({
  model,
  input: z.union([z.string(), z.array(z.string()).min(1).max(2048)]),
  encoding_format: z.enum(['float', 'base64']).nullish(),
  dimensions: z.int().min(1).max(4096).default(demoDimensions),
});

/** The text of a message. Pictures and other parts are ignored. */
export function textOfMessage(content: z.output<typeof message>['content']): string {
  if (content === null || content === undefined) return '';
  return typeof content === 'string' ? content : content.map((p) => p.text).join(' ');
}
