/**
 * Which model a body names, whatever field it uses: `model`, or on Ollama's routes `name`, which Ollama reads where
 * `model` is missing or empty. Two different names in one body are refused: a rule and an engine could each take
 * another one.
 */

import type { BodyFacts } from '../../core/engine/routes.ts';
import { rule } from '../../core/rules.ts';
import type { Refusal } from '../exchange.ts';

const conflict: Refusal = {
  code: 'BODY_INVALID',
  params: { reason: '"model" and "name" name different models' },
  rule: rule('one-model'),
};

/** Undefined where the body names no model; an empty name is none. */
export function namedModel(facts: BodyFacts): string | undefined | Refusal {
  const { model, alsoNamed } = facts;
  const named = model === '' ? undefined : model;
  if (alsoNamed === undefined || alsoNamed.name === '') return named;
  if (named === undefined) return alsoNamed.name;
  return model === alsoNamed.name ? model : conflict;
}
