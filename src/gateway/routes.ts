/**
 * The table of all routes. The router, the forwarder, the scope test and the docs read it. A path that is not in the
 * table gets a 404.
 */

import { watchedFields } from '../core/engine/kinds.ts';
import type { Dialect, EngineRouteId, OwnRouteId, Scope } from '../core/engine/routes.ts';
import { redeemPath } from '../core/security/share-links.ts';

/** The methods allowed on an engine's own API. OPTIONS is missing because flm answers preflights itself. */
export const engineMethods: readonly string[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

/** Where a request names its model: in JSON, in a form field, or not at all. */
export type ModelPlace = 'json' | 'multipart' | 'none';

/**
 * How a stream of this route shows that it is complete. openai: `[DONE]` or a finish reason. responses:
 * `response.completed` and similar events. anthropic: `message_stop`. ollama: `done:true`. none: only the framing shows
 * it.
 */
export type TerminalMark = 'openai' | 'responses' | 'anthropic' | 'ollama' | 'none';

type EngineHandlerName = 'models' | 'inference' | 'ollama-lists';
type OwnHandlerName =
  | 'engine-api'
  | 'root'
  | 'health'
  | 'ready'
  | 'metrics'
  | 'me'
  | 'share'
  | 'admin'
  | 'files';
export type HandlerName = EngineHandlerName | OwnHandlerName;

/** The handler decides whether the route's name is one that kinds of engines can list. */
export type Route = RouteFacts &
  (
    | { readonly id: EngineRouteId; readonly handler: EngineHandlerName }
    | { readonly id: OwnRouteId; readonly handler: OwnHandlerName }
  );

interface RouteFacts {
  readonly method: 'GET' | 'POST' | 'DELETE' | 'ANY';
  /** Literal path; `{id}` is one segment, `{rest}` the remainder with its slashes. */
  readonly pattern: string;
  /** Path on the engine. `{id}` stands for the client's value, escaped again. */
  readonly upstream: string;
  readonly dialect: Dialect;
  readonly scope: Scope;
  readonly model: ModelPlace;
  /** Further fields of the body that rules look at, dotted. */
  readonly scan: readonly string[];
  /** Query names that are forwarded to the engine. */
  readonly query: readonly string[];
  readonly end: TerminalMark;
  /** Responses are event streams even if the body does not ask for a stream. */
  readonly streamsByDefault: boolean;
}

/** Fields that limits check. The fields that engine rules watch are added to each row below. */
const openaiScan = [
  'max_tokens',
  'max_completion_tokens',
  'stream_options',
  'stream_options.include_usage',
  'keep_alive',
  'n',
];
/** Ollama accepts `name` instead of `model` on some of its routes. */
const ollamaScan = ['name', 'images'];
/** The scanned fields of an endpoint that only its engine has. */
export const nativeScan: readonly string[] = ['name', ...watchedFields('engine.native')];

const get = {
  method: 'GET',
  model: 'none',
  scan: [],
  query: [],
  end: 'none',
  streamsByDefault: false,
} as const;
const post = {
  method: 'POST',
  model: 'json',
  scan: openaiScan,
  query: [],
  end: 'none',
  streamsByDefault: false,
} as const;
const openai = { dialect: 'openai', scope: 'inference', handler: 'inference' } as const;
const responses = { dialect: 'responses', scope: 'inference', handler: 'inference' } as const;
const anthropic = { dialect: 'anthropic', scope: 'inference', handler: 'inference' } as const;
const ollama = { dialect: 'ollama', scope: 'inference', handler: 'inference', scan: ollamaScan } as const;

const same = (pattern: string) => ({ pattern, upstream: pattern });

const rows: readonly Route[] = [
  { ...get, ...openai, id: 'models.list', ...same('/v1/models'), handler: 'models' },
  { ...get, ...openai, id: 'models.get', ...same('/v1/models/{rest}'), handler: 'models' },
  {
    ...post,
    ...openai,
    id: 'chat.completions',
    ...same('/v1/chat/completions'),
    end: 'openai',
    scan: [...openaiScan, 'messages[]', 'prompt_cache_key'],
  },
  { ...post, ...openai, id: 'completions', ...same('/v1/completions'), end: 'openai' },
  { ...post, ...openai, id: 'embeddings', ...same('/v1/embeddings') },

  {
    ...post,
    ...responses,
    id: 'responses.create',
    ...same('/v1/responses'),
    end: 'responses',
    scan: [...openaiScan, 'previous_response_id', 'input[]', 'prompt_cache_key'],
  },
  { ...post, ...responses, id: 'responses.input-tokens', ...same('/v1/responses/input_tokens') },
  { ...post, ...responses, id: 'responses.compact', ...same('/v1/responses/compact') },
  {
    ...get,
    ...responses,
    id: 'responses.get',
    ...same('/v1/responses/{id}'),
    query: ['include', 'include[]', 'include_obfuscation', 'stream', 'starting_after'],
    end: 'responses',
  },
  { ...get, ...responses, id: 'responses.delete', ...same('/v1/responses/{id}'), method: 'DELETE' },
  { ...post, ...responses, id: 'responses.cancel', ...same('/v1/responses/{id}/cancel'), model: 'none' },
  {
    ...get,
    ...responses,
    id: 'responses.input-items',
    ...same('/v1/responses/{id}/input_items'),
    query: ['after', 'before', 'include', 'include[]', 'limit', 'order'],
  },

  {
    ...post,
    ...anthropic,
    id: 'messages',
    ...same('/v1/messages'),
    end: 'anthropic',
    query: ['beta'],
    scan: [...openaiScan, 'messages[]'],
  },
  {
    ...post,
    ...anthropic,
    id: 'messages.count-tokens',
    ...same('/v1/messages/count_tokens'),
    query: ['beta'],
  },

  { ...post, ...openai, id: 'rerank', ...same('/v1/rerank') },
  { ...post, ...openai, id: 'rerank', pattern: '/rerank', upstream: '/v1/rerank' },
  { ...post, ...openai, id: 'rerank', ...same('/v2/rerank') },
  { ...post, ...openai, id: 'score', ...same('/v1/score') },

  { ...post, ...openai, id: 'audio.speech', ...same('/v1/audio/speech') },
  { ...post, ...openai, id: 'audio.transcriptions', ...same('/v1/audio/transcriptions'), model: 'multipart' },
  { ...post, ...openai, id: 'audio.translations', ...same('/v1/audio/translations'), model: 'multipart' },
  { ...post, ...openai, id: 'images.generations', ...same('/v1/images/generations') },
  { ...post, ...openai, id: 'images.edits', ...same('/v1/images/edits'), model: 'multipart' },
  { ...post, ...openai, id: 'images.variations', ...same('/v1/images/variations'), model: 'multipart' },

  { ...get, ...ollama, id: 'ollama.version', ...same('/api/version') },
  { ...get, ...ollama, id: 'ollama.tags', ...same('/api/tags'), handler: 'ollama-lists' },
  { ...get, ...ollama, id: 'ollama.ps', ...same('/api/ps'), handler: 'ollama-lists' },
  { ...post, ...ollama, id: 'ollama.show', ...same('/api/show') },
  {
    ...post,
    ...ollama,
    id: 'ollama.chat',
    ...same('/api/chat'),
    end: 'ollama',
    streamsByDefault: true,
    scan: [...ollamaScan, 'messages[]'],
  },
  {
    ...post,
    ...ollama,
    id: 'ollama.generate',
    ...same('/api/generate'),
    end: 'ollama',
    streamsByDefault: true,
  },
  { ...post, ...ollama, id: 'ollama.embed', ...same('/api/embed') },
  { ...post, ...ollama, id: 'ollama.embeddings', ...same('/api/embeddings') },

  {
    ...get,
    ...openai,
    id: 'engine.native',
    method: 'ANY',
    pattern: '/engine/{id}/{rest}',
    upstream: '/{rest}',
    scope: 'engine:read',
    handler: 'engine-api',
  },

  { ...get, ...openai, id: 'root', ...same('/'), handler: 'root' },
  { ...get, ...openai, id: 'health', ...same('/health'), handler: 'health' },
  { ...get, ...openai, id: 'ready', ...same('/ready'), handler: 'ready' },
  { ...get, ...openai, id: 'metrics', ...same('/metrics'), scope: 'metrics', handler: 'metrics' },
  { ...get, ...openai, id: 'me', ...same('/flm/api/v1/me'), handler: 'me' },
  {
    ...post,
    ...openai,
    id: 'share.redeem',
    ...same(redeemPath),
    model: 'none',
    scan: [],
    handler: 'share',
  },
  {
    ...get,
    ...openai,
    id: 'admin',
    method: 'ANY',
    ...same('/flm/api/{rest}'),
    scope: 'admin:read',
    handler: 'admin',
  },
  { ...get, ...openai, id: 'files', method: 'ANY', ...same('/flm/'), handler: 'files' },
  { ...get, ...openai, id: 'files', method: 'ANY', ...same('/flm/{rest}'), handler: 'files' },
];

export const routes: readonly Route[] = rows.map((row) =>
  row.method === 'POST' ? { ...row, scan: [...new Set([...row.scan, ...watchedFields(row.id)])] } : row,
);

/**
 * Paths that load balancers probe. They need no key, answer while the proxy drains, answer OPTIONS like GET, and answer
 * HTTP/1.0 without `Host`. Their responses contain no names.
 */
export const probePaths: ReadonlySet<string> = new Set(['/health', '/ready']);
