/**
 * `GET /`, for any valid key. Ollama's clients call this path to check that a server runs, and expect Ollama's own
 * text. They get that text if an Ollama engine is up that the key may use. Otherwise the response names the base URLs.
 */
import assert from 'node:assert/strict';
import type { EngineDirectory } from '../../core/engine/directory.ts';
import { isUp } from '../../core/engine/health.ts';
import type { KeyView } from '../../core/security/api-key.ts';
import { baseUrl } from '../advice.ts';
import { jsonResponse, type RouteHandler } from '../route-handler.ts';

export function makeRoot(directory: Pick<EngineDirectory, 'engine' | 'engines'>): RouteHandler {
  return {
    resolve: (x) => {
      assert(x.key !== undefined, 'the route needs a key');
      if (seesOllama(directory, x.key))
        return { status: 200, contentType: 'text/plain; charset=utf-8', body: 'Ollama is running' };
      const bases = { openai: baseUrl(x, 'openai'), anthropic: baseUrl(x, 'anthropic') };
      return jsonResponse({ status: 'up', base_urls: bases });
    },
  };
}

function seesOllama(directory: Pick<EngineDirectory, 'engine' | 'engines'>, key: KeyView): boolean {
  return directory.engines().some(({ ref, state }) => {
    const kind = directory.engine(ref.id)?.engine.kind;
    return isUp(state) && kind?.serves.has('ollama.version') === true && key.mayUseEngine(ref.id);
  });
}
