/**
 * Finds the model that a body names: in `model`, or on Ollama's routes in `name`, which Ollama reads if `model` is
 * missing or empty. Refuses a body with two different names, because a rule and an engine could each use a different
 * one.
 */

import type { BodyFacts } from '../../core/engine/routes.ts';
import { rule } from '../../core/rules.ts';
import type { Refusal } from '../exchange.ts';

const conflict: Refusal = {
  code: 'BODY_INVALID',
  params: { reason: '"model" and "name" name different models' },
  rule: rule('one-model'),
};

/** Undefined if the body names no model. An empty name counts as no name. */
export function namedModel(facts: BodyFacts): string | undefined | Refusal {
  const { model, alsoNamed } = facts;
  const named = model === '' ? undefined : model;
  if (alsoNamed === undefined || alsoNamed.name === '') return named;
  if (named === undefined) return alsoNamed.name;
  return model === alsoNamed.name ? model : conflict;
}
