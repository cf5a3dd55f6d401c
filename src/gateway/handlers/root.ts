/**
 * `GET /`, for any valid key. Ollama's clients ask it whether a server is there and look for Ollama's own text, which they
 * get where an Ollama is up that the key may use; otherwise the answer names the base URLs.
 */
import type { EngineDirectory } from '../../core/engine/directory.ts';
import { isUp } from '../../core/engine/health.ts';
import type { KeyView } from '../../core/security/api-key.ts';
import { baseUrl } from '../advice.ts';
import type { Handler } from '../line.ts';
import { commonFields } from '../refuse.ts';
import { answer } from './models.ts';

export function makeRoot(directory: Pick<EngineDirectory, 'engine' | 'engines'>): Handler {
  return (x) => {
    if (x.key === undefined) return;
    if (!seesOllama(directory, x.key)) {
      const bases = { openai: baseUrl(x, 'openai'), anthropic: baseUrl(x, 'anthropic') };
      return answer(x, { status: 'up', base_urls: bases });
    }
    x.outcome.status = 200;
    const fields = ['content-type', 'text/plain; charset=utf-8', ...commonFields(x)];
    x.reply.whole(200, fields, 'Ollama is running', false);
  };
}

function seesOllama(directory: Pick<EngineDirectory, 'engine' | 'engines'>, key: KeyView): boolean {
  return directory.engines().some(({ ref, state }) => {
    const kind = directory.engine(ref.id)?.engine.kind;
    return isUp(state) && kind?.serves.has('ollama.version') === true && key.mayUseEngine(ref.id);
  });
}
