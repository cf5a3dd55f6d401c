/**
 * `GET /api/tags` and `/api/ps`: Ollama's lists. If the key may use every model of the only Ollama, its response is
 * relayed unchanged. Otherwise the lists of all Ollama engines are merged and reduced to the models that the key may
 * use.
 */

import assert from 'node:assert/strict';
import { type Candidate, candidatesOf, type EngineDirectory } from '../../core/engine/directory.ts';
import { keyField } from '../../core/engine/engine-kind.ts';
import { maxEngineResponseBytes, readResponse } from '../../core/engine/read-response.ts';
import type { Attempt, Upstream } from '../../core/engine/upstream.ts';
import { rule } from '../../core/rules.ts';
import type { KeyView } from '../../core/security/api-key.ts';
import type { Exchange } from '../exchange.ts';
import { jsonResponse, type Resolved, type RouteHandler } from '../route-handler.ts';
import { lookUpRequest } from '../upstream-request.ts';
import { enginesServing } from './inference.ts';

export interface OllamaListsDeps {
  readonly directory: EngineDirectory;
  readonly upstream: Upstream;
  readonly limits: { readonly connectTimeoutMs: number };
  readonly version: string;
}

export function makeOllamaLists(deps: OllamaListsDeps): RouteHandler {
  return {
    resolve: (x) => {
      const { route, key } = x;
      assert(route !== undefined && key !== undefined, 'the route needs a key');
      const candidates = enginesServing(route, key, deps.directory);
      if (candidates.length === 0) {
        return {
          code: 'ROUTE_UNSUPPORTED',
          params: { route: route.pattern, engines: 'no Ollama runs here' },
          rule: rule('engine-kinds'),
        };
      }
      if (candidates.length === 1 && key.anyModel)
        return {
          candidates: candidatesOf(candidates),
          request: lookUpRequest(x, route, route.upstream, true),
        };
      return mergedList(x, key, route.upstream, candidates, deps);
    },
  };
}

async function mergedList(
  x: Exchange,
  key: KeyView,
  target: string,
  engines: readonly Candidate[],
  deps: OllamaListsDeps,
): Promise<Resolved> {
  const aborter = new AbortController();
  const leave = (): void => aborter.abort();
  x.onFinish = leave;
  const lists = await Promise.all(engines.map((engine) => list(engine, target, deps, aborter.signal)));
  if (lists.every((l) => l === undefined)) return { code: 'ENGINE_CONNECT_FAILED', rule: rule('engine') };
  const models = engines.flatMap((engine, i) => {
    const { id } = engine.engine.ref;
    // A model that the last probe did not list yet is judged by its name only.
    const mayUse = (name: string): boolean =>
      deps.directory.modelOn(id, name, key).kind === 'found' || key.mayUseModel(name);
    return (lists[i] ?? []).filter((m) => mayUse(m.name));
  });
  return jsonResponse({ models: models.map((m) => m.entry) });
}

interface ListedModel {
  readonly name: string;
  readonly entry: unknown;
}

/** Returns the models of one engine, or undefined if it returned no list. */
async function list(
  engine: Candidate,
  target: string,
  deps: OllamaListsDeps,
  signal: AbortSignal,
): Promise<readonly ListedModel[] | undefined> {
  const { address, apiKey } = engine.engine.ref;
  const attempt: Attempt = {
    to: address,
    method: 'GET',
    head: `GET ${address.path}${target} HTTP/1.1\r\nuser-agent: flm/${deps.version}\r\naccept-encoding: identity\r\n${keyField('authorization', apiKey)}`,
    body: [],
    bodyLength: 0,
    connectTimeoutMs: deps.limits.connectTimeoutMs,
    firstByteTimeoutMs: 10_000,
    idleTimeoutMs: 10_000,
  };
  const answer = await readResponse(deps.upstream, attempt, maxEngineResponseBytes, signal);
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
