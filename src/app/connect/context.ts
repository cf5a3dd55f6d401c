/**
 * Finds the context length of a model on its engines, and explains how to increase it if a client needs more.
 */
import type { Advice, ModelContext } from '../../clients/advice.ts';
import type { ClientRecipe } from '../../clients/recipe.ts';
import type { ProxyStatus } from '../../core/proxy/proxy-handle.ts';
import { catalogOf } from '../catalog.ts';
import type { Flm } from '../flm.ts';

/** What finding settings needs; a session of a command has it. */
export interface ConnectParts {
  readonly flm: Pick<Flm, 'engines' | 'certificates' | 'security'>;
  readonly signal: AbortSignal;
}

/** Undefined if no engine that is up has the model. `name` may be an alias, `engine/model` or `flm://engine/model`. */
export async function contextOf(
  { flm }: ConnectParts,
  status: ProxyStatus,
  name: string,
): Promise<ModelContext | undefined> {
  const entries = catalogOf(status.engines, await flm.engines.aliases());
  const wanted = name.replace(/^flm:\/\//, '');
  const candidates = entries
    .flatMap((entry) => entry.engines.map((candidate) => ({ entry, candidate })))
    .filter(
      ({ entry, candidate }) =>
        entry.id === name || `${candidate.engine.ref.id}/${candidate.model?.id ?? ''}` === wanted,
    )
    .map(
      ({ candidate: { engine, model } }): ModelContext => ({
        engine: engine.ref.id,
        kind: engine.ref.kind,
        model: model?.id ?? name,
        tokens: model?.contextLength,
      }),
    );
  return candidates.sort((a, b) => (a.tokens ?? Infinity) - (b.tokens ?? Infinity))[0];
}

/** A warning that the context is too small for the client, with the remedy; undefined if it is large enough. */
export function contextWarning(
  { id, contextTokens: needed }: ClientRecipe,
  context: ModelContext | undefined,
): Advice | undefined {
  if (needed === undefined || context?.tokens === undefined || context.tokens >= needed) return undefined;
  const { engine, kind, model, tokens } = context;
  return { code: 'contextTooSmall', values: { client: id, needed, engine, kind, model, tokens } };
}

/** How much context the client needs, if the engine does not report the context length. */
export function contextNote(
  { id, contextTokens: needed }: ClientRecipe,
  context: ModelContext | undefined,
): Advice | undefined {
  if (needed === undefined || context === undefined || context.tokens !== undefined) return undefined;
  const { engine, kind, model } = context;
  return kind === 'demo'
    ? undefined
    : { code: 'contextUnknown', values: { client: id, needed, engine, kind, model } };
}
