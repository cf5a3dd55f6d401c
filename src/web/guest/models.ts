/** Which model a page uses first. */
import { canProbablyChat } from '../../core/engine/chat-models.ts';

/** Empty where there is no model. */
export function firstModel(models: readonly string[]): string {
  return models.find(canProbablyChat) ?? models[0] ?? '';
}
