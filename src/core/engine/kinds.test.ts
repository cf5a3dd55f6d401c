import assert from 'node:assert/strict';
import { test } from 'node:test';
import { engineConfigSchema } from '../proxy/proxy-config.ts';
import { engineKind, engineKindNames, engineKinds } from './kinds.ts';
import type { RouteId } from './routes.ts';

/** engines.md 2, what is marked as danger; `*` is any further path. */
const dangers: Readonly<Record<string, readonly string[]>> = {
  ollama: [
    'POST /api/pull',
    'POST /api/push',
    'POST /api/create',
    'POST /api/copy',
    'POST /api/blobs/x',
    'POST /api/me',
    'POST /api/signout',
    'DELETE /api/delete',
    'GET /api/user/keys/k',
    'DELETE /api/user/keys/k',
    'POST /api/experimental/web_search',
    'POST /api/experimental/web_fetch',
  ],
  lmstudio: [
    'POST /api/v1/models/load',
    'POST /api/v1/models/unload',
    'POST /api/v1/models/download',
    'POST /api/v1/chat',
  ],
  vllm: [
    'POST /pause',
    'POST /resume',
    'POST /scale_elastic_ep',
    'POST /init_weight_transfer_engine',
    'POST /update_weights',
    'POST /abort_requests',
    'POST /sleep',
    'POST /wake_up',
    'POST /reset_prefix_cache',
    'POST /collective_rpc',
    'GET /server_info',
    'POST /start_profile',
    'POST /stop_profile',
    'GET /tokenizer_info',
    'POST /v1/load_lora_adapter',
    'POST /v1/unload_lora_adapter',
    'POST /invocations',
  ],
  llamacpp: [
    'POST /props',
    'GET /slots',
    'POST /slots/0',
    'POST /lora-adapters',
    'POST /v1/chat/completions/control',
    'GET /v1/stream/x',
    'DELETE /v1/stream/x',
    'GET /v1/streams',
    'GET /cors-proxy',
    'POST /cors-proxy',
    'GET /tools',
    'POST /tools',
    'POST /models',
    'POST /models/load',
    'POST /models/unload',
    'DELETE /models',
    'GET /models/sse',
  ],
  sglang: [
    'POST /flush_cache',
    'GET /flush_cache',
    'POST /update_weights_from_disk',
    'POST /load_lora_adapter',
    'POST /unload_lora_adapter',
    'POST /open_session',
    'POST /abort_request',
    'POST /pause_generation',
    'GET /release_memory_occupation',
    'GET /slow_down',
    'GET /configure_logging',
    'GET /health_generate',
    'GET /get_server_info',
    'POST /start_profile',
  ],
  'docker-model-runner': [
    'POST /models/create',
    'POST /models/load',
    'DELETE /models/x',
    'DELETE /models/purge',
    'POST /engines/unload',
    'POST /engines/install-backend',
    'POST /engines/_configure',
    'GET /engines/_configure',
    'GET /engines/requests',
    'POST /api/pull',
    'DELETE /api/delete',
  ],
  lemonade: [
    'POST /v1/pull',
    'POST /v1/delete',
    'POST /v1/load',
    'POST /v1/unload',
    'POST /v1/install',
    'POST /v1/uninstall',
    'POST /v1/cloud/auth',
    'POST /v1/downloads/control',
    'POST /v1/models/x/options',
    'POST /internal/aliases',
    'POST /mcp',
    'DELETE /api/delete',
    'POST /api/pull',
    'POST /api/chat',
  ],
  localai: [
    'POST /models/apply',
    'POST /models/delete/x',
    'POST /backend/shutdown',
    'GET /backend/monitor',
    'POST /backends/apply',
    'POST /stores/set',
    'GET /api/p2p/token',
    'POST /api/chat',
  ],
  koboldcpp: [
    'POST /api/admin/reload_config',
    'GET /api/admin/list_options',
    'POST /api/extra/abort',
    'GET /api/extra/generate/check',
    'POST /api/extra/websearch',
    'POST /mcp',
    'POST /api/pull',
  ],
  tabbyapi: [
    'POST /v1/model/load',
    'POST /v1/model/unload',
    'POST /v1/download',
    'POST /v1/lora/load',
    'POST /v1/lora/unload',
    'POST /v1/template/switch',
    'POST /v1/sampling/override/switch',
    'POST /api/extra/abort',
  ],
  fastflowlm: ['POST /api/pull', 'POST /api/cancel', 'POST /api/chat', 'POST /api/generate'],
  'mlx-lm': ['POST /v1/models', 'DELETE /v1/models'],
  jan: ['POST /v1/models', 'POST /mcp', 'GET /v1/configs'],
  'llama-swap': [
    'GET /unload',
    'POST /api/models/unload',
    'POST /api/models/unload/x',
    'GET /upstream/x',
    'POST /upstream/x',
    'GET /running',
    'GET /logs',
    'GET /logs/stream',
    'GET /api/events',
    'GET /api/captures/1',
    'POST /api/inflight/1/cancel',
  ],
  'openai-compatible': [
    'POST /api/admin/reload',
    'POST /v1/internal/model/load',
    'POST /flush_cache',
    'POST /models/apply',
    'POST /backend/shutdown',
    'GET /',
  ],
  demo: ['GET /v1/models', 'POST /v1/chat/completions'],
};

/** As the gateway matches. */
function lists(name: keyof typeof dangers, method: string, path: string): boolean {
  return engineKind(name as (typeof engineKindNames)[number]).native.some((rule) => {
    if (rule.method !== method) return false;
    if (!rule.path.endsWith('/{id}')) return rule.path === path;
    const prefix = rule.path.slice(0, -'{id}'.length);
    return path.startsWith(prefix) && path.length > prefix.length && !path.slice(prefix.length).includes('/');
  });
}

test('every kind has dangers that are tried', () => {
  assert.deepEqual(Object.keys(dangers).toSorted(), engineKindNames.toSorted());
});

test('profiles and --kind know every kind but the demo', () => {
  assert.deepEqual(
    engineConfigSchema.shape.kind.unwrap().options,
    engineKindNames.filter((name) => name !== 'demo'),
  );
});

test('what a kind imitates is a kind', () => {
  for (const { detection } of engineKinds)
    for (const name of detection?.imitates ?? [])
      assert.ok((engineKindNames as readonly string[]).includes(name), name);
});

test('nothing that is marked as danger is on the list of its engine', () => {
  for (const [name, endpoints] of Object.entries(dangers)) {
    for (const endpoint of endpoints) {
      const [method = '', path = ''] = endpoint.split(' ');
      assert.equal(lists(name, method, path), false, `${name}: ${endpoint}`);
    }
  }
});

test('the lists hold what clients of these engines ask for', () => {
  for (const [name, method, path] of [
    ['ollama', 'POST', '/api/chat'],
    ['ollama', 'GET', '/api/tags'],
    ['lmstudio', 'GET', '/api/v0/models/granite-4'],
    ['lmstudio', 'POST', '/api/v0/chat/completions'],
    ['vllm', 'POST', '/tokenize'],
    ['vllm', 'GET', '/metrics'],
    ['llamacpp', 'POST', '/infill'],
    ['llamacpp', 'GET', '/props'],
  ] as const) {
    assert.equal(lists(name, method, path), true, `${name}: ${method} ${path}`);
  }
});

test('no read asks for inference only, no query passes, and every body is looked at', () => {
  for (const name of engineKindNames) {
    for (const rule of engineKind(name).native) {
      assert.equal(rule.query, undefined);
      assert.notEqual(rule.scope, 'engine:admin');
      if (rule.method === 'POST') assert.equal(rule.model, 'json', rule.path);
      else assert.deepEqual([rule.scope, rule.model], ['engine:read', 'none'], rule.path);
    }
  }
});

test('routes of our own are served by no engine, and those of Ollama by Ollama alone', () => {
  for (const name of engineKindNames) {
    const { serves } = engineKind(name);
    for (const own of [
      'root',
      'health',
      'ready',
      'metrics',
      'engine.native',
      'me',
      'share.redeem',
      'admin',
      'files',
    ] as const satisfies readonly RouteId[])
      assert.equal(serves.has(own), false);
    assert.equal(
      [...serves].some((id) => id.startsWith('ollama.')),
      name === 'ollama',
    );
    assert.equal(serves.has('chat.completions'), true);
  }
});
