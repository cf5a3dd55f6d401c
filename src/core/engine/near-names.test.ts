import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearNames } from './near-names.ts';

const names = ['llama3:8b', 'llama3:70b', 'qwen3:latest', 'Qwen/Qwen3-8B', 'mistral', 'text-embed'];

test('a slip of the finger finds the name', () => {
  assert.deepEqual(nearNames('mistal', names), ['mistral']);
  assert.deepEqual(nearNames('MISTRAL', names), ['mistral']);
});

test('another size of the same model is near, and so is the name without its publisher', () => {
  assert.deepEqual(nearNames('llama3:13b', names), ['llama3:70b', 'llama3:8b']);
  assert.deepEqual(nearNames('qwen3-8b', names), ['Qwen/Qwen3-8B']);
});

test('what is far is not offered, and at most three are', () => {
  assert.deepEqual(nearNames('gpt-4o', names), []);
  assert.equal(nearNames('llama', ['llama1', 'llama2', 'llama3', 'llama4']).length, 3);
});

test('a name of absurd length is not compared', () => {
  assert.deepEqual(nearNames('x'.repeat(100_000), names), []);
});
