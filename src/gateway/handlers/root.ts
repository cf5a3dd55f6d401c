/**
 * `GET /`, for any valid key. Ollama's clients call this path to check that a server runs, and expect Ollama's own
 * text. They get that text if an Ollama engine is up that the key may use. Otherwise the response names the base URLs.
 * A browser without a key gets a page that holds nothing about this proxy (`open-pages.ts`).
 */
import assert from 'node:assert/strict';
import type { EngineDirectory } from '../../core/engine/directory.ts';
import { isUp } from '../../core/engine/health.ts';
import type { KeyView } from '../../core/security/api-key.ts';
import { baseUrl } from '../advice.ts';
import { rootVaries } from '../open-pages.ts';
import { jsonResponse, type OwnFile, type RouteHandler } from '../route-handler.ts';
import { fileResponse } from './files.ts';

export function makeRoot(
  directory: Pick<EngineDirectory, 'engine' | 'engines'>,
  page: OwnFile | undefined,
): RouteHandler {
  return {
    resolve: (x) => {
      if (x.key === undefined) {
        assert(page !== undefined, 'only the request for the page needs no key');
        const response = fileResponse(page, x);
        return { ...response, fields: response.fields + rootVaries };
      }
      if (seesOllama(directory, x.key))
        return {
          status: 200,
          contentType: 'text/plain; charset=utf-8',
          body: 'Ollama is running',
          fields: rootVaries,
        };
      const bases = { openai: baseUrl(x, 'openai'), anthropic: baseUrl(x, 'anthropic') };
      return { ...jsonResponse({ status: 'up', base_urls: bases }), fields: rootVaries };
    },
  };
}

function seesOllama(directory: Pick<EngineDirectory, 'engine' | 'engines'>, key: KeyView): boolean {
  return directory.engines().some(({ ref, state }) => {
    const kind = directory.engine(ref.id)?.engine.kind;
    return isUp(state) && kind?.serves.has('ollama.version') === true && key.mayUseEngine(ref.id);
  });
}
