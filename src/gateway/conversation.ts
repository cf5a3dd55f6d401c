/**
 * Finds out which conversation a request belongs to, for the choice among engines that have its model
 * (`core/engine/conversation-homes.ts`): the session that the client names, or else how its messages begin.
 *
 * The next request of a conversation repeats the messages of this one and adds an answer and a question. So the first
 * two messages identify a conversation (often instructions and a question), and the first one alone while there is no
 * second.
 */
import { type ConversationIdentity, hashOfText, mixHash } from '../core/engine/conversation-homes.ts';
import type { BodyFacts } from '../core/engine/routes.ts';
import type { ReadBody } from './body/request-body.ts';
import type { RequestHeaders } from './request-headers.ts';

/** Of each message. The end of a message may change: some clients mark there what an engine should keep. */
const maxBytes = 256;
const words = new Int32Array(maxBytes / 4);
const bytes = new Uint8Array(words.buffer);

/** Undefined if the request tells nothing about a conversation. */
export function conversationOf(
  headers: Pick<RequestHeaders, 'session'>,
  { facts, parts }: Pick<ReadBody, 'facts' | 'parts'>,
): ConversationIdentity | undefined {
  const session = headers.session ?? (facts === undefined ? undefined : cacheKeyOf(facts));
  if (session !== undefined) return { id: hashOfText(session) };
  const messages = facts?.firstMessages;
  if (messages === undefined) return undefined;
  const { from, firstEnd, secondEnd } = messages;
  const firstId = hashOfBytes(parts, from, firstEnd);
  if (secondEnd === undefined) return { id: firstId };
  return { id: mixHash(firstId, hashOfBytes(parts, firstEnd, secondEnd)), firstId };
}

/** OpenAI's `prompt_cache_key`, as JSON text. A long one was not kept. */
function cacheKeyOf({ values }: BodyFacts): string | undefined {
  const value = values.get('prompt_cache_key')?.[0];
  return value === undefined || !value.startsWith('"') || value === '""' || value === '"..."'
    ? undefined
    : value;
}

/** The hash of the first bytes of the range [from, to) of a body. */
function hashOfBytes(parts: readonly Buffer[], from: number, to: number): number {
  const length = Math.min(to - from, maxBytes);
  words.fill(0);
  let at = from;
  let copied = 0;
  for (const part of parts) {
    if (at < part.length) copied += part.copy(bytes, copied, at, at + length - copied);
    if (copied === length) break;
    at = Math.max(0, at - part.length);
  }
  let hash = length;
  for (let i = 0; i * 4 < length; i++) hash = mixHash(hash, words[i] as number);
  return hash;
}
