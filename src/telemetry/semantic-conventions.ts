/**
 * Names of attributes and metrics from the semantic conventions of OpenTelemetry: HTTP
 * (https://opentelemetry.io/docs/specs/semconv/http/) and GenAI
 * (https://github.com/open-telemetry/semantic-conventions-genai). A test compares the names with the package of the
 * project. The names of flm's own attributes begin with `flm.`.
 *
 * Content (`gen_ai.input.messages`, `gen_ai.output.messages`, `gen_ai.system_instructions`) and addresses
 * (`client.address`, `server.address`, `url.full`) are missing on purpose.
 */
import type { RouteId } from '../core/engine/routes.ts';

export const names = {
  errorType: 'error.type',
  httpMethod: 'http.request.method',
  httpRequestSize: 'http.request.body.size',
  httpResponseSize: 'http.response.body.size',
  httpRoute: 'http.route',
  httpStatus: 'http.response.status_code',
  urlScheme: 'url.scheme',
  serviceName: 'service.name',
  serviceVersion: 'service.version',
  serviceInstance: 'service.instance.id',
  operation: 'gen_ai.operation.name',
  provider: 'gen_ai.provider.name',
  requestModel: 'gen_ai.request.model',
  responseModel: 'gen_ai.response.model',
  stream: 'gen_ai.request.stream',
  timeToFirstChunk: 'gen_ai.response.time_to_first_chunk',
  inputTokens: 'gen_ai.usage.input_tokens',
  outputTokens: 'gen_ai.usage.output_tokens',
  cachedTokens: 'gen_ai.usage.cache_read.input_tokens',
  tokenType: 'gen_ai.token.type',
} as const;

export const ownNames = {
  requestId: 'flm.request.id',
  keyId: 'flm.key.id',
  engine: 'flm.engine.id',
  ending: 'flm.ending',
  code: 'flm.error.code',
  attempt: 'flm.attempt',
  attemptEnd: 'flm.attempt.end',
} as const;

export const metricNames = {
  httpDuration: 'http.server.request.duration',
  clientDuration: 'gen_ai.client.operation.duration',
  clientTokens: 'gen_ai.client.token.usage',
  serverDuration: 'gen_ai.server.request.duration',
  timeToFirstToken: 'gen_ai.server.time_to_first_token',
  timePerOutputToken: 'gen_ai.server.time_per_output_token',
} as const;

/** `gen_ai.operation.name`. Other routes have no GenAI attributes: the conventions have no name for what they do. */
const operations: Partial<Record<RouteId, 'chat' | 'text_completion' | 'embeddings'>> = {
  'chat.completions': 'chat',
  'responses.create': 'chat',
  messages: 'chat',
  'ollama.chat': 'chat',
  completions: 'text_completion',
  'ollama.generate': 'text_completion',
  embeddings: 'embeddings',
  'ollama.embed': 'embeddings',
  'ollama.embeddings': 'embeddings',
};

export function operationOf(route: RouteId | undefined): string | undefined {
  return route === undefined ? undefined : operations[route];
}
