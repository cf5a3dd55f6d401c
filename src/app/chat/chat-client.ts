/**
 * A small OpenAI client for `flm chat`: the models of a proxy, and one streamed answer at a time.
 *
 * The client sends its requests to the proxy with a key, like every other client. If the proxy is unreachable or rejects
 * the key (after a restart), the client gets a new address and key and retries once, unless the answer has begun.
 * Throws a `ProxyError` CHAT_REFUSED with the message of the proxy or engine, or CHAT_CUT for an incomplete answer.
 * There is no timeout, because loading a large model may take minutes. The caller aborts with the signal.
 */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../core/clock.ts';
import { type JsonObject, objectOf, objectsIn } from '../../core/engine/json-reading.ts';
import { FlmError, ProxyError } from '../../core/errors.ts';
import { gatherText } from '../../core/gathered-bytes.ts';
import type { ClientIdentity } from '../client-identity.ts';
import { requestOwnProxy } from '../proxy-request.ts';
import { chatErrorOf, errorInEvent } from './chat-error.ts';
import { eventData } from './event-data.ts';

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string | readonly ContentPart[];
}

/** A part of a question that also has images. */
export type ContentPart =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image_url'; readonly image_url: { readonly url: string } };

/** The address of the proxy without `/v1`, and a key that stays valid for some minutes. */
export interface ChatAccess {
  readonly url: string;
  readonly key: string;
  /** The local CA's certificate (PEM), if there is one. */
  readonly authority?: string | undefined;
  /** For a proxy that requires a client certificate. */
  readonly identity?: ClientIdentity | undefined;
}

export interface ChatModel {
  readonly id: string;
  /** The engine's id. */
  readonly owner: string;
}

export interface ChatPiece {
  readonly kind: 'text' | 'reasoning';
  readonly text: string;
}

export interface ChatAnswer {
  readonly model: string;
  readonly text: string;
  readonly reasoning: string;
  readonly finishReason: string | null;
  /** Null if the engine does not report it. */
  readonly usage: { readonly inputTokens: number; readonly outputTokens: number } | null;
  readonly firstTokenMs: number | null;
  readonly totalMs: number;
  readonly requestId: string | null;
}

/** Output tokens a second after the first one; null if that cannot be told. */
export function tokensPerSecond({ usage, firstTokenMs, totalMs }: ChatAnswer): number | null {
  const restMs = totalMs - (firstTokenMs ?? 0);
  return usage === null || restMs <= 0 ? null : Math.round((usage.outputTokens / restMs) * 10_000) / 10;
}

export interface ChatClientDeps {
  /** `renew`: the previous address or key did not work. */
  readonly access: (renew: boolean, signal: AbortSignal) => Promise<ChatAccess>;
  readonly clock: Pick<Clock, 'monotonicMs'>;
}

const maxBodyBytes = 4 * 1024 ** 2;

export class ChatClient {
  readonly #deps: ChatClientDeps;

  constructor(deps: ChatClientDeps) {
    this.#deps = deps;
  }

  /** The models that the key may use, in the proxy's order. */
  async models(signal: AbortSignal): Promise<readonly ChatModel[]> {
    const response = await this.#send('GET', '/v1/models', undefined, signal);
    const listed = objectsIn(jsonOf(await bodyOf(response)), 'data') ?? [];
    return listed
      .map((m) => ({ id: String(m.id ?? ''), owner: String(m.owned_by ?? '') }))
      .filter((m) => m.id !== '');
  }

  /**
   * Sends one question. Reports each piece of the response as it arrives. Rejects with the reason of the signal when
   * aborted.
   */
  async answer(
    model: string,
    messages: readonly ChatMessage[],
    onPiece: (piece: ChatPiece) => void,
    signal: AbortSignal,
  ): Promise<ChatAnswer> {
    const { clock } = this.#deps;
    const startedMs = clock.monotonicMs();
    const body = JSON.stringify({ model, messages, stream: true, stream_options: { include_usage: true } });
    const response = await this.#send('POST', '/v1/chat/completions', body, signal);
    const requestId = idOf(response);
    const answer = new AnswerParts(model);
    let firstTokenMs: number | null = null;
    try {
      const pieces = isStream(response) ? eventData(response) : [await bodyOf(response)];
      for await (const data of pieces) {
        if (data === '[DONE]') {
          // Reads to the end of the body: otherwise the proxy would record that the client left early.
          answer.ended = true;
          continue;
        }
        for (const piece of answer.take(jsonOf(data), requestId)) {
          firstTokenMs ??= clock.monotonicMs() - startedMs;
          onPiece(piece);
        }
      }
    } catch (error) {
      throw reasonOf(error, signal);
    } finally {
      response.destroy();
    }
    if (!answer.ended) throw cut('the proxy or the engine ended it too early');
    return { ...answer.whole(), firstTokenMs, totalMs: clock.monotonicMs() - startedMs, requestId };
  }

  async #send(
    method: string,
    path: string,
    body: string | undefined,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    for (let renew = false; ; renew = true) {
      const access = await this.#deps.access(renew, signal);
      let response: IncomingMessage;
      try {
        response = await head(access, method, path, body, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (!renew && isRefusedConnection(error)) continue;
        throw access.identity === undefined || isMissedConnection(error)
          ? reasonOf(error, signal)
          : cut('the proxy did not accept the client certificate, or the connection to it was lost', error);
      }
      if (response.statusCode === 200) return response;
      const refused = chatErrorOf(response.statusCode ?? 0, await bodyOf(response), idOf(response));
      if (response.statusCode !== 401 || renew) throw refused;
    }
  }
}

/** Builds a response from its events. */
class AnswerParts {
  /** The stream reported that it is complete. */
  ended = false;
  #model: string;
  #text = '';
  #reasoning = '';
  #finishReason: string | null = null;
  #usage: ChatAnswer['usage'] = null;

  constructor(model: string) {
    this.#model = model;
  }

  /** Adds one event, or a whole response of an engine that does not stream. Throws the error that the event reports. */
  take(value: unknown, requestId: string | null): readonly ChatPiece[] {
    const event = objectOf(value);
    if (event === undefined) throw cut('an event is not valid JSON');
    const refused = errorInEvent(event, requestId);
    if (refused !== undefined) throw refused;
    if (typeof event.model === 'string' && event.model !== '') this.#model = event.model;
    const usage = objectOf(event.usage);
    if (usage !== undefined) this.#usage = usageOf(usage);
    const choice = Array.isArray(event.choices) ? objectOf(event.choices[0]) : undefined;
    if (choice === undefined) return [];
    if (typeof choice.finish_reason === 'string') {
      this.#finishReason = choice.finish_reason;
      this.ended = true;
    }
    const delta = objectOf(choice.delta) ?? objectOf(choice.message) ?? {};
    const pieces: ChatPiece[] = [];
    // llama.cpp and vLLM use `reasoning_content`, Ollama and newer versions `reasoning`; never both with different
    // text.
    const reasoning = textIn(delta.reasoning_content) || textIn(delta.reasoning);
    if (reasoning !== '') pieces.push({ kind: 'reasoning', text: reasoning });
    const text = textIn(delta.content) || textIn(delta.refusal);
    if (text !== '') pieces.push({ kind: 'text', text });
    this.#reasoning += reasoning;
    this.#text += text;
    return pieces;
  }

  whole() {
    return {
      model: this.#model,
      text: this.#text,
      reasoning: this.#reasoning,
      finishReason: this.#finishReason,
      usage: this.#usage,
    };
  }
}

async function head(
  { url, key, authority, identity }: ChatAccess,
  method: string,
  path: string,
  body: string | undefined,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  signal.throwIfAborted();
  const sent = requestOwnProxy(
    `${url}${path}`,
    {
      method,
      agent: false,
      signal,
      ...identity,
      headers: {
        authorization: `Bearer ${key}`,
        accept: 'text/event-stream, application/json',
        ...(body === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
      },
    },
    authority,
  );
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  // After the response head, the reader of the body reports an abort.
  sent.on('error', () => {});
  return response;
}

async function bodyOf(response: IncomingMessage): Promise<string> {
  const text = await gatherText(response, maxBodyBytes);
  if (text === undefined) throw cut('it is too long for a chat');
  return text;
}

function isStream(response: IncomingMessage): boolean {
  return /^text\/event-stream\b/i.test(response.headers['content-type'] ?? '');
}

function idOf(response: IncomingMessage): string | null {
  const id = response.headers['x-request-id'];
  return typeof id === 'string' ? id : null;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function textIn(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function usageOf(usage: JsonObject): ChatAnswer['usage'] {
  const { prompt_tokens: input, completion_tokens: output } = usage;
  if (typeof input !== 'number' || typeof output !== 'number') return null;
  return { inputTokens: input, outputTokens: output };
}

function cut(reason: string, cause?: unknown): ProxyError {
  return new ProxyError('CHAT_CUT', { params: { reason }, cause });
}

function isRefusedConnection(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED';
}

/** There never was a connection: the proxy is gone, or this machine has no loopback interface. */
function isMissedConnection(error: unknown): boolean {
  return (
    isRefusedConnection(error) ||
    (error instanceof Error && 'syscall' in error && error.syscall === 'connect')
  );
}

/** Returns the abort reason after an abort, flm's own errors unchanged, and any other error as a broken connection. */
function reasonOf(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (error instanceof FlmError) return error;
  if (isRefusedConnection(error)) return cut('the proxy is not there any more', error);
  return cut(
    isMissedConnection(error) ? 'the proxy cannot be reached' : 'the connection to the proxy was lost',
    error,
  );
}
