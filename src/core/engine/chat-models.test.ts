import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canProbablyChat } from './chat-models.ts';

test('a model whose name says that it does something else is not taken for a chat', () => {
  for (const id of [
    'nomic-embed-text:v1.5',
    'bge-m3',
    'all-minilm',
    'Qwen3-Reranker-8B',
    'whisper-1',
    'tts-1',
  ])
    assert.equal(canProbablyChat(id), false, id);
  for (const id of ['qwen3:8b', 'gpt-oss:120b', 'flm-demo', 'mettsu', 'meta-llama/Llama-3.2-1B'])
    assert.equal(canProbablyChat(id), true, id);
});
