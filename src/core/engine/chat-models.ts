/**
 * Guesses which models can chat, for a user who names none. Engines also list models for embeddings, reranking,
 * transcription and speech, and few engines report the type of a model. The name is the only hint.
 */
export function canProbablyChat(model: string): boolean {
  return !/embed|rerank|whisper|\btts\b|^bge-|minilm/i.test(model);
}
