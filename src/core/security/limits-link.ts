/**
 * The messages between a draining process and the newest process over the limits link. Both run on one machine, maybe
 * in different versions.
 *
 *   draining process                 newest process
 *      | -- {link: ID} ------------------> |   the id under which the newest process holds its state
 *      | -- {n, do, ...} ----------------> |   a request or a notification; numbered from 1
 *      | <----------------- {n, ...} ----- |   one answer per message, maybe much later
 *      | <----------------- {sync: k} ---- |   answered by {n, do: 'synced', sync: k}, after all earlier messages
 *      | <----------------- {move} ------- |   a newer process counts from now on; connect to it
 *
 * A message is kept until it is answered, and sent again if the link breaks. The newest process executes each message
 * once. At the end of a request `settle` and `used` come before `give`, so that the newest process, which asks only
 * processes with requests of a key, misses no tokens. The link carries neither secrets nor texts for people.
 */
import { z } from 'zod';
import type { AttemptEnd } from '../engine/engine.ts';

const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const name = z.string().max(1_024);
const limit = z.number().positive().nullable();

const ends = [
  'done',
  'refused-connection',
  'reset',
  'timeout',
  'protocol',
  'client-gone',
  'shut-down',
] as const satisfies readonly AttemptEnd[];

const answerOfEngine = z.object({
  verdict: z.enum(['good', 'failed', 'key-refused', 'forbidden']),
  family: name,
  model: name.optional(),
  what: name,
});

/** All messages that a draining process may send. */
export const linkMessage = z.discriminatedUnion('do', [
  z.object({
    n: count,
    do: z.literal('rate'),
    asks: z
      .array(z.object({ bucket: name, perMinute: z.number().positive(), burst: z.number().min(1) }))
      .min(1),
  }),
  z.object({ n: count, do: z.literal('tokens'), key: name, family: name, perMinute: limit, perDay: limit }),
  z.object({ n: count, do: z.literal('take'), key: name, family: name, limit }),
  z.object({ n: count, do: z.literal('give'), family: name }),
  z.object({ n: count, do: z.literal('enter'), family: name, engines: z.array(name).min(1) }),
  z.object({ n: count, do: z.literal('leave'), entered: count }),
  z.object({
    n: count,
    do: z.literal('release'),
    engine: name,
    family: name,
    end: z.enum(ends),
    answer: answerOfEngine.optional(),
  }),
  z.object({
    n: count,
    do: z.literal('settle'),
    key: name,
    family: name,
    perMinute: limit,
    tokens: z.number(),
  }),
  z.object({
    n: count,
    do: z.literal('used'),
    writer: name,
    sequence: count,
    day: count,
    family: name,
    tokens: count,
  }),
  z.object({ n: count, do: z.literal('login'), bucket: name }),
  z.object({ n: count, do: z.literal('synced'), sync: count }),
]);

export type LinkMessage = z.infer<typeof linkMessage>;

type WithoutNumber<T> = T extends unknown ? Omit<T, 'n'> : never;
/** A message before it has its number. */
export type LinkAsk = WithoutNumber<LinkMessage>;

const granted = z.object({
  granted: z.literal(true),
  tightest: count.nullable(),
  remaining: z.number(),
  resetMs: z.number(),
});
const refused = z.object({
  granted: z.literal(false),
  ask: count,
  retryAfterMs: z.number(),
  resetMs: z.number(),
});

/**
 * The answers, by kind of message. An invalid answer counts as no answer: the draining process then decides by itself.
 */
export const linkAnswers = {
  rate: z.union([granted, refused]),
  tokens: z.object({
    reading: z.object({ limit: z.number(), remaining: z.number(), resetMs: z.number() }).optional(),
    denial: z
      .object({ span: z.enum(['minute', 'day']), limit: z.number(), retryAfterMs: z.number() })
      .optional(),
  }),
  take: z.object({ granted: z.boolean() }),
  enter: z.union([
    z.object({ engine: name, family: name }),
    z.object({
      denied: z.object({
        waited: z.boolean(),
        retryAfterMs: z.number(),
        position: z.number(),
        expectedWaitMs: z.number(),
      }),
    }),
  ]),
} as const;

/** The path of a proxy's control socket, and the nonce that only this proxy knows. */
export const linkPlace = z.object({ controlPath: z.string(), nonce: z.string() });
export type LinkPlace = z.infer<typeof linkPlace>;

/** One end of an open link. */
export interface LinkConnection {
  send(message: object): void;
  close(): void;
}

/** Callbacks for the owner of a connection. `closed` is called once, also if no connection was made. */
export interface LinkListener {
  opened(): void;
  message(message: unknown): void;
  closed(): void;
}

/** Connects to another process. Never throws. */
export type DialLink = (place: LinkPlace, listener: LinkListener) => LinkConnection;
