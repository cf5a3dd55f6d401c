/**
 * Finds the engines of a proxy that support a route, so that flm can warn before a client sends a request.
 */
import type { EngineStatus } from '../core/engine/directory.ts';
import { engineKind } from '../core/engine/kinds.ts';
import type { RouteId } from '../core/engine/routes.ts';

/** Returns the engines that have the model, or all engines if none has the model. */
export function speakersOf(
  engines: readonly EngineStatus[],
  model: string,
  route: RouteId,
): { readonly asked: readonly string[]; readonly speakers: readonly string[] } {
  const having = engines.filter((e) => e.models.some((m) => m.id === model));
  const asked = having.length > 0 ? having : engines;
  const speakers = asked.filter((e) => engineKind(e.ref.kind).serves.has(route));
  return { asked: asked.map((e) => e.ref.id), speakers: speakers.map((e) => e.ref.id) };
}
