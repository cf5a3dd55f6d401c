/**
 * Finds the context length of a model on its engines, and explains how to increase it if a client needs more.
 */
import type { ClientRecipe } from '../../clients/recipe.ts';
import type { ProxyStatus } from '../../core/proxy/proxy-handle.ts';
import { catalogOf } from '../catalog.ts';
import type { Flm } from '../flm.ts';
import type { ModelContext } from './model-context.ts';
import type { ConnectTexts } from './texts.ts';

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
  { name, contextTokens }: ClientRecipe,
  context: ModelContext | undefined,
  texts: ConnectTexts,
): string | undefined {
  if (contextTokens === undefined || context?.tokens === undefined) return undefined;
  if (context.tokens >= contextTokens) return undefined;
  return texts.context.tooSmall(name, contextTokens, context);
}

/** How much context the client needs, if the engine does not report the context length. */
export function contextNote(
  { name, contextTokens }: ClientRecipe,
  context: ModelContext | undefined,
  texts: ConnectTexts,
): string | undefined {
  if (contextTokens === undefined || context === undefined || context.tokens !== undefined) return undefined;
  return context.kind === 'demo' ? undefined : texts.context.unknown(name, contextTokens, context);
}
