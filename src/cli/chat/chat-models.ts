/**
 * Which models a person means who names none. Engines list models that embed, rank, hear or speak beside those that chat,
 * and few of them say which is which; a name that says it is all there is to go by.
 */
export function canProbablyChat(model: string): boolean {
  return !/embed|rerank|whisper|\btts\b|^bge-|minilm/i.test(model);
}
