/** How much context a model has for a client. */
import type { EngineKindName } from '../../core/engine/kinds.ts';

/** The engine with the smallest context for a model. Any of the engines may get a request. */
export interface ModelContext {
  readonly engine: string;
  readonly kind: EngineKindName;
  /** The engine's name for the model. */
  readonly model: string;
  /** Undefined if the engine does not report it, like Ollama and LM Studio for a model that is not loaded. */
  readonly tokens: number | undefined;
}
