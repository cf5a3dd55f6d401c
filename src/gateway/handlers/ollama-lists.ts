/**
 * `GET /api/tags` and `/api/ps`: Ollama's lists at the root. A key that may use everything on the only Ollama sees its
 * bytes; else the lists of all of them are put together and cut down to what the key may use, because a list shows
 * only that.
 */
import type { Candidate, EngineDirectory } from '../../core/engine/directory.ts';
import { maxEngineAnswerBytes, readAnswer } from '../../core/engine/read-answer.ts';
import type { Attempt } from '../../core/engine/upstream.ts';
import { denyRoute } from '../../core/security/access.ts';
import type { KeyView } from '../../core/security/api-key.ts';
import { type AttemptDeps, attempt, lookUpRequest } from '../attempt.ts';
import type { Exchange } from '../exchange.ts';
import type { Handler } from '../line.ts';
import { refuse } from '../refuse.ts';
import { speakers } from './inference.ts';
import { answer as answerWith } from './models.ts';

export interface OllamaListsDeps extends AttemptDeps {
  readonly directory: EngineDirectory;
}

export function makeOllamaLists(deps: OllamaListsDeps): Handler {
  return (x) => {
    const { route, key } = x;
    if (route === undefined || key === undefined) return;
    const denial = denyRoute(key, route.id, route.scope);
    if (denial !== undefined) return refuse(x, denial);
    const engines = speakers(route, key, deps.directory);
    const only = engines[0];
    if (only === undefined) {
      return refuse(x, {
        code: 'ROUTE_UNSUPPORTED',
        params: { route: route.pattern, engines: 'no Ollama runs here' },
        rule: 'the kinds of engines',
      });
    }
    if (engines.length === 1 && key.anyModel) {
      attempt(x, key, lookUpRequest(x, route, route.upstream, true), engines, deps);
      return;
    }
    void collect(x, key, route.upstream, engines, deps);
  };
}

async function collect(
  x: Exchange,
  key: KeyView,
  target: string,
  engines: readonly Candidate[],
  deps: OllamaListsDeps,
): Promise<void> {
  const aborter = new AbortController();
  x.onBreak = () => aborter.abort();
  const lists = await Promise.all(engines.map((engine) => list(engine, target, deps, aborter.signal)));
  if (x.over) return;
  x.onBreak = undefined;
  if (lists.every((l) => l === undefined))
    return refuse(x, { code: 'ENGINE_CONNECT_FAILED', rule: 'engine' });
  const models = engines.flatMap((engine, i) => {
    const { id } = engine.engine.ref;
    // What the last probe did not see yet is judged by its name alone.
    const mayUse = (name: string): boolean =>
      deps.directory.modelOn(id, name, key).kind === 'found' || key.mayUseModel(name);
    return (lists[i] ?? []).filter((m) => mayUse(m.name));
  });
  answerWith(x, { models: models.map((m) => m.entry) });
}

interface ListedModel {
  readonly name: string;
  readonly entry: unknown;
}

/** The models of one engine, or undefined where it gave no list. */
async function list(
  engine: Candidate,
  target: string,
  deps: OllamaListsDeps,
  signal: AbortSignal,
): Promise<readonly ListedModel[] | undefined> {
  const { address, apiKey } = engine.engine.ref;
  const keyField = apiKey === undefined ? '' : `authorization: Bearer ${apiKey}\r\n`;
  const attempt: Attempt = {
    to: address,
    method: 'GET',
    head: `GET ${address.path}${target} HTTP/1.1\r\nuser-agent: flm/${deps.version}\r\naccept-encoding: identity\r\n${keyField}`,
    body: [],
    bodyLength: 0,
    connectTimeoutMs: deps.limits.connectTimeoutMs,
    firstByteTimeoutMs: 10_000,
    idleTimeoutMs: 10_000,
  };
  const answer = await readAnswer(deps.upstream, attempt, maxEngineAnswerBytes, signal);
  return answer.kind === 'whole' && answer.head.status === 200 ? readModels(parse(answer.body)) : undefined;
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}

function readModels(body: unknown): readonly ListedModel[] | undefined {
  if (body === null || typeof body !== 'object' || !('models' in body) || !Array.isArray(body.models))
    return undefined;
  return body.models.flatMap((entry: unknown) =>
    entry !== null && typeof entry === 'object' && 'name' in entry && typeof entry.name === 'string'
      ? [{ name: entry.name, entry }]
      : [],
  );
}
