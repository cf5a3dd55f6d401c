/**
 * A server that answers like one kind of engine, from a table of paths, with the peculiarities of that engine. Uses
 * real sockets and records its requests.
 */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';

export interface FakeReply {
  readonly status?: number;
  readonly fields?: Readonly<Record<string, string>>;
  /** A string is sent unchanged, any other value as JSON. */
  readonly body?: unknown;
  /** It never answers. */
  readonly hangs?: true;
}

/** By path; `*` is everything else. */
export type FakeTable = Readonly<Record<string, FakeReply>>;

export interface FakeEngine {
  readonly host: string;
  readonly port: number;
  readonly url: string;
  readonly asked: readonly { readonly path: string; readonly headers: IncomingHttpHeaders }[];
  set(table: FakeTable): void;
  close(): Promise<void>;
}

/** Listens on a port that the system chooses, or on the port of another server. */
export async function startFakeEngine(table: FakeTable, host = '127.0.0.1', port = 0): Promise<FakeEngine> {
  const asked: { readonly path: string; readonly headers: IncomingHttpHeaders }[] = [];
  let current = table;
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    asked.push({ path, headers: request.headers });
    const reply = current[path] ?? current['*'] ?? { status: 404, body: 'Not Found' };
    if (reply.hangs === true) return;
    const text = typeof reply.body === 'string' ? reply.body : JSON.stringify(reply.body ?? {});
    const type = typeof reply.body === 'string' ? 'text/plain' : 'application/json';
    response.writeHead(reply.status ?? 200, { 'content-type': type, ...reply.fields });
    response.end(text);
  });
  server.listen(port, host);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const place = host.includes(':') ? `[${host}]` : host;
  return {
    host,
    port: address.port,
    url: `http://${place}:${address.port}`,
    asked,
    set: (next) => {
      current = next;
    },
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/**
 * Two servers on one port of two addresses. Retries, because another program may use that port of the second address.
 */
export async function startFakePair(
  first: FakeTable,
  second: FakeTable,
  secondHost: string,
): Promise<readonly [FakeEngine, FakeEngine]> {
  for (;;) {
    const one = await startFakeEngine(first);
    try {
      return [one, await startFakeEngine(second, secondHost, one.port)];
    } catch (error) {
      await one.close();
      if (!(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')) throw error;
    }
  }
}

const html = { 'content-type': 'text/html' };

/** An Ollama with a loaded model, one that is not, and one that runs at ollama.com. */
export const ollamaTable: FakeTable = {
  '/': { body: 'Ollama is running' },
  '/api/version': { body: { version: '0.12.6' } },
  '/api/tags': {
    body: {
      models: [
        {
          name: 'qwen3:latest',
          model: 'qwen3:latest',
          modified_at: '2026-10-01T12:00:00.123456789+02:00',
          size: 5_200_000_000,
          digest: 'abc',
          details: { format: 'gguf', family: 'qwen3', context_length: 40_960 },
        },
        {
          name: 'nomic-embed-text:v1.5',
          model: 'nomic-embed-text:v1.5',
          modified_at: '2026-09-01T00:00:00Z',
        },
        {
          name: 'gpt-oss:120b-cloud',
          model: 'gpt-oss:120b-cloud',
          remote_host: 'https://ollama.com:443',
          remote_model: 'gpt-oss:120b',
        },
      ],
    },
  },
  '/api/ps': {
    body: { models: [{ name: 'qwen3:latest', model: 'qwen3:latest', size_vram: 1, context_length: 4096 }] },
  },
  '/v1/models': {
    body: {
      object: 'list',
      data: [{ id: 'qwen3:latest', object: 'model', created: 1, owned_by: 'library' }],
    },
  },
};

/** LM Studio: 200 for unknown paths. */
export const lmstudioTable: FakeTable = {
  '/lmstudio-greeting': { body: { lmstudio: true }, fields: { 'x-powered-by': 'Express' } },
  '/v1/models': {
    body: { object: 'list', data: [{ id: 'granite-4', object: 'model', owned_by: 'organization_owner' }] },
  },
  '/api/v0/models': {
    body: {
      object: 'list',
      data: [
        {
          id: 'granite-4',
          object: 'model',
          type: 'llm',
          state: 'loaded',
          max_context_length: 131_072,
          loaded_context_length: 8192,
        },
        {
          id: 'text-embed',
          object: 'model',
          type: 'embeddings',
          state: 'not-loaded',
          max_context_length: 2048,
        },
      ],
    },
  },
  '*': { body: { error: 'Unexpected endpoint or method. (GET /x). Returning 200 anyway' } },
};

const uvicorn = { server: 'uvicorn' };

/** vLLM with one model and an adapter of it. */
export const vllmTable: FakeTable = {
  '/health': { body: '', fields: uvicorn },
  '/version': { body: { version: '0.11.2' }, fields: uvicorn },
  '/v1/models': {
    fields: uvicorn,
    body: {
      object: 'list',
      data: [
        {
          id: 'Qwen/Qwen3-8B',
          object: 'model',
          created: 1,
          owned_by: 'vllm',
          root: 'Qwen/Qwen3-8B',
          parent: null,
          max_model_len: 40_960,
        },
        {
          id: 'sql-lora',
          object: 'model',
          created: 1,
          owned_by: 'vllm',
          root: '/loras/sql',
          parent: 'Qwen/Qwen3-8B',
          max_model_len: null,
        },
      ],
    },
  },
  '*': { status: 404, body: { detail: 'Not Found' }, fields: uvicorn },
};

const llama = { server: 'llama.cpp' };

/** llama.cpp; its list also carries one in the manner of Ollama. */
export const llamacppTable: FakeTable = {
  '/health': { body: { status: 'ok' }, fields: llama },
  '/props': {
    fields: llama,
    body: {
      default_generation_settings: { n_ctx: 2048, params: {} },
      total_slots: 4,
      model_path: '/m/tiny.gguf',
      build_info: 'b7100-abc',
    },
  },
  '/v1/models': {
    fields: llama,
    body: {
      models: [{ name: 'tiny', model: 'tiny' }],
      object: 'list',
      data: [
        {
          id: 'tiny',
          object: 'model',
          created: 1,
          owned_by: 'llamacpp',
          meta: { n_ctx: 8192, n_ctx_train: 32_768 },
        },
      ],
    },
  },
  '*': {
    status: 404,
    body: { error: { code: 404, message: 'File Not Found', type: 'not_found_error' } },
    fields: llama,
  },
};

/** KoboldCpp imitates Ollama and OpenAI. */
export const koboldTable: FakeTable = {
  '/api/extra/version': { body: { result: 'KoboldCpp', version: '1.99' } },
  '/': { body: 'Ollama is running' },
  '/api/version': { body: { version: '0.7.0' } },
  '/api/tags': { body: { models: [{ name: 'koboldcpp/x' }] } },
  '/api/ps': { body: { models: [] } },
  '/props': { body: { default_generation_settings: { n_ctx: 4096 }, total_slots: 1 } },
  '/v1/models': {
    body: { object: 'list', data: [{ id: 'koboldcpp/x', object: 'model', owned_by: 'koboldcpp' }] },
  },
};

export const sglangTable: FakeTable = {
  '/health': { body: '', fields: uvicorn },
  '/get_model_info': { body: { model_path: 'm', is_generation: true } },
  '/v1/models': {
    body: { object: 'list', data: [{ id: 'm', owned_by: 'sglang', max_model_len: 32_768 }] },
    fields: uvicorn,
  },
};

export const tgiTable: FakeTable = {
  '/health': { body: '' },
  '/info': { body: { model_id: 'm', max_total_tokens: 4096 } },
  '/v1/models': { body: { object: 'list', data: [{ id: 'm', object: 'model', created: 0, owned_by: 'm' }] } },
};

/** LocalAI, with Ollama's greeting, as in later versions. */
export const localaiTable: FakeTable = {
  '/.well-known/localai.json': { body: { version: 'v3.5.0', capabilities: {} } },
  '/': { body: 'Ollama is running' },
  '/api/version': { body: { version: '0.9.0' } },
  '/version': { body: { version: 'v3.5.0' } },
  '/v1/models': { body: { object: 'list', data: [{ id: 'phi', object: 'model' }] } },
};

export const llamafileTable: FakeTable = {
  '/health': { body: { status: 'ok' }, fields: { server: 'llama.cpp' } },
  '/props': { body: { default_generation_settings: { n_ctx: 8192 }, total_slots: 1 } },
  '/v1/models': {
    body: { object: 'list', data: [{ id: 'LLaMA_CPP', object: 'model', owned_by: 'llamacpp' }] },
  },
};

/** Jan requires its key on every path. */
export const janTable: FakeTable = {
  '*': { status: 401, body: { error: { message: 'Missing Authorization header' } } },
};

/** A web application that answers every path with its page. */
export const webTable: FakeTable = { '*': { body: '<!doctype html><title>app</title>', fields: html } };

/** A proxy of flm. */
export const flmTable: FakeTable = {
  '/health': { body: { status: 'up' }, fields: { 'x-request-id': 'px-1' } },
  '*': {
    status: 401,
    body: { error: { message: 'No valid API key was given.' } },
    fields: { 'x-request-id': 'px-2' },
  },
};

const list = (...data: readonly object[]) => ({ body: { object: 'list', data } });
const model = (id: string, owned_by: string, more: object = {}) => ({
  id,
  object: 'model',
  created: 1,
  owned_by,
  ...more,
});

// Answers of the following servers are taken from their sources, named in src/core/engine/kinds/; no running server was
// asked.

/** Docker Model Runner (pkg/inference/models/api.go). */
export const dockerTable: FakeTable = {
  '/v1/models': list(model('ai/smollm2', 'docker', { dmr: { context_window: 8192 } })),
  '/api/version': { body: { version: '0.1.0' } },
};

/** Lemonade (docs/api/openai.md, lemonade.md, ollama.md), on Ollama's port as its docs advise. */
export const lemonadeTable: FakeTable = {
  '/': { body: 'Ollama is running' },
  '/api/version': { body: { version: '0.16.1' } },
  '/v1/health': { body: { status: 'ok', version: '10.3.0', all_models_loaded: [] } },
  '/v1/models': list(
    model('Qwen3-0.6B-GGUF', 'lemonade', { recipe: 'llamacpp', recipe_options: { ctx_size: 4096 } }),
    model('fireworks.big', 'lemonade', { recipe: 'cloud' }),
  ),
};

/** TabbyAPI with its Kobold API, which says that it is KoboldCpp (endpoints/Kobold/router.py). */
export const tabbyTable: FakeTable = {
  '/health': { body: { status: 'healthy', issues: [] }, fields: uvicorn },
  '/api/extra/version': { body: { result: 'KoboldCpp', version: '1.61' }, fields: uvicorn },
  '/v1/models': {
    ...list(model('exl3-model', 'tabbyAPI', { parameters: { max_seq_len: 16_384 } })),
    fields: uvicorn,
  },
  '*': { status: 404, body: { detail: 'Not Found' }, fields: uvicorn },
};

/** FastFlowLM (src/server/server.cpp, src/include/model_list.hpp). */
export const fastflowTable: FakeTable = {
  '/health': { body: { status: 'ok' } },
  '/api/version': { body: { version: '0.9.20' } },
  '/v1/models': list(model('llama3.2:1b', 'FastFlowLM')),
  '*': { status: 404, body: { error: 'Not Found' } },
};

/** mlx_lm.server (mlx_lm/server.py), on Python's http.server. */
export const mlxTable: FakeTable = {
  '/health': { body: { status: 'ok' }, fields: { server: 'BaseHTTP/0.6 Python/3.12.4' } },
  '/v1/models': list({ id: 'mlx-community/Qwen3-4B-4bit', object: 'model', created: 1 }),
  '*': { status: 404, body: 'Not Found', fields: { server: 'BaseHTTP/0.6 Python/3.12.4' } },
};

const janRoot = {
  body: "<!DOCTYPE html><title>API Docs</title><script>SwaggerUIBundle({ url: '/openapi.json' })</script>",
  fields: html,
};

/** Jan with a local model and one of a provider (src-tauri/src/core/server/proxy.rs). */
export const janOpenTable: FakeTable = {
  '/': janRoot,
  '/v1/models': list(model('qwen3', 'user'), model('gpt-5', 'openai')),
  '*': { status: 404, body: 'Not Found' },
};

/** Jan with a key: only the root path answers. */
export const janLockedTable: FakeTable = {
  '/': janRoot,
  '*': { status: 401, body: 'Missing authorization header' },
};

/** llama-swap with a model of its own and one of a peer (internal/server/api.go, apigroup.go). */
export const llamaSwapTable: FakeTable = {
  '/health': { body: 'OK' },
  '/api/version': { body: { version: '238', commit: 'abc', build_date: '2026-10-01' } },
  '/v1/models': list(
    model('qwen', 'llama-swap'),
    model('far', 'llama-swap', { meta: { llamaswap: { peerID: 'openrouter' } } }),
  ),
};
