/**
 * The texts and vectors of the demo engine. The same question always gets the same answer. The demo engine stores
 * nothing, sends nothing, and says that it is not a language model.
 */
import { createHash } from 'node:crypto';

export const demoModel = 'flm-demo';
export const demoContextLength = 8192;
export const demoDimensions = 64;

const maxQuotedCharacters = 120;

/** The whole answer to a question, split as it is streamed; each part counts as one token. */
export function speak(question: string): readonly string[] {
  const asked = question.replaceAll(/\s+/g, ' ').trim();
  const quoted =
    asked.length > maxQuotedCharacters ? `${asked.slice(0, maxQuotedCharacters).trimEnd()}...` : asked;
  const heard = quoted === '' ? 'You asked nothing' : `You wrote: "${quoted}"`;
  const text =
    `I am the demo engine of flm, not a language model. ${heard}. ` +
    'This answer is a fixed text, but it passed the whole path: your key was accepted, flm chose an engine, ' +
    'and the answer was streamed back through flm. Start Ollama, LM Studio, vLLM or llama.cpp, and flm finds it automatically; ' +
    'then real models answer here.';
  return text.match(/\s*\S+/g) ?? [];
}

/** About as many tokens as a tokenizer would count; the demo engine has no tokenizer. */
export function countTokens(text: string): number {
  return text.match(/\S+/g)?.length ?? 0;
}

/** A unit vector that depends only on the text. */
export function embed(text: string, dimensions: number): Float32Array {
  const vector = new Float32Array(dimensions);
  let length = 0;
  for (let i = 0; i < dimensions; i += 8) {
    const digest = createHash('sha256').update(`${i}:${text}`).digest();
    for (let j = 0; j < 8 && i + j < dimensions; j++) {
      const value = digest.readInt32LE(j * 4) / 2 ** 31;
      vector[i + j] = value;
      length += value * value;
    }
  }
  const scale = 1 / Math.sqrt(length);
  return vector.map((value) => value * scale);
}
