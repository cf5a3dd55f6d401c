/** A chat through the admin API: the request, and the events of its answer. */
import { z } from 'zod';

const maxMessages = 500;

export const chatRequestSchema = z
  .strictObject({
    proxy: z
      .string()
      .max(200)
      .optional()
      .describe('The id or profile of a proxy; optional if only one runs.'),
    model: z.string().min(1).max(256),
    messages: z
      .array(
        z.strictObject({
          role: z.enum(['system', 'user', 'assistant']),
          content: z.string(),
        }),
      )
      .min(1)
      .max(maxMessages)
      .readonly(),
  })
  .meta({ id: 'ChatRequest' });

export const chatPieceSchema = z
  .strictObject({ kind: z.enum(['text', 'reasoning']), text: z.string() })
  .meta({ id: 'ChatPiece' });

export const chatDoneSchema = z
  .strictObject({
    model: z.string(),
    finishReason: z.string().nullable(),
    usage: z
      .strictObject({ inputTokens: z.int(), outputTokens: z.int() })
      .nullable()
      .describe('Null if the engine does not report it.'),
    timings: z.strictObject({
      firstTokenMs: z.int().nullable(),
      totalMs: z.int(),
      tokensPerSecond: z.number().nullable().describe('Output tokens since the first token.'),
    }),
    requestId: z.string().nullable(),
  })
  .meta({ id: 'ChatDone' });

export type ChatRequest = z.output<typeof chatRequestSchema>;
export type ChatDone = z.output<typeof chatDoneSchema>;

export type ChatEvent =
  | { readonly event: 'piece'; readonly data: z.output<typeof chatPieceSchema> }
  | { readonly event: 'done'; readonly data: ChatDone };
