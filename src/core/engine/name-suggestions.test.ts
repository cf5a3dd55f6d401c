import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { countSteps } from '../../../test/helpers/count-steps.ts';
import { nearNames } from './name-suggestions.ts';

const names = ['llama3:8b', 'llama3:70b', 'qwen3:latest', 'Qwen/Qwen3-8B', 'mistral', 'text-embed'];

test('a slip of the finger finds the name', () => {
  assert.deepEqual(nearNames('mistal', names), ['mistral']);
  assert.deepEqual(nearNames('MISTRAL', names), ['mistral']);
});

test('two letters that changed places are one mistake', () => {
  assert.deepEqual(nearNames('statsu', ['status', 'start']), ['status']);
  assert.deepEqual(nearNames('strat', ['start', 'stop']), ['start']);
  assert.deepEqual(nearNames('abdc', ['abcde', 'abc', 'xbcd']), ['abc']);
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

test('only names that may be offered are, the closest of them first', () => {
  assert.deepEqual(
    nearNames('llama3:13b', names, (name) => name !== 'llama3:70b'),
    ['llama3:8b'],
  );
  assert.deepEqual(
    nearNames('mistal', names, () => false),
    [],
  );
});

test('among very many names, one that begins alike is found', () => {
  const many = Array.from({ length: 50_000 }, (_, i) => `model-${String(i).padStart(6, '0')}`);
  many.push('qwen3-coder', 'qwen3-coder:30b');
  assert.deepEqual(nearNames('qwen3-codr', many.sort()), ['qwen3-coder', 'qwen3-coder:30b']);
});

test('distances are those of the whole table', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 14 });
  const property = fc.property(word, word, (wanted, name) => {
    const allowed = Math.min(3, Math.max(1, Math.floor(wanted.length / 4)));
    const near =
      distance(wanted, name) <= allowed ||
      swaps(wanted).includes(name) ||
      (wanted.length >= 3 && name.startsWith(wanted));
    assert.deepEqual(nearNames(wanted, [name]), near ? [name] : []);
  });
  fc.assert(property, { numRuns: 3_000, interruptAfterTimeLimit: 3_000 });
});

test('the work is bounded, however many names there are and whatever they and the wanted one are', () => {
  const lists: readonly ((count: number) => string[])[] = [
    (count) => Array.from({ length: count }, (_, i) => `model-${i}`),
    (count) => Array.from({ length: count }, (_, i) => `${'x'.repeat(90)}${i}`),
    (count) => Array.from({ length: count }, (_, i) => `${'ab'.repeat(45)}:${i}`),
    (count) => Array.from({ length: count }, () => 'x'.repeat(10_000)),
  ];
  for (const list of lists)
    for (const wanted of ['model-0', 'x'.repeat(96), 'ba'.repeat(45), `${'x'.repeat(90)}0`, '/'.repeat(96)])
      for (const count of [1_000, 20_000]) {
        const sorted = list(count).sort();
        const steps = countSteps(() => nearNames(wanted, sorted));
        assert.ok(steps < 5_000_000, `${steps} for ${wanted} among ${count} like ${sorted[0]}`);
      }
});

/** The word with two neighbouring letters in each other's place, for each pair. */
function swaps(word: string): readonly string[] {
  return Array.from({ length: word.length - 1 }, (_, i) => {
    const [before, pair, after] = [word.slice(0, i), word.slice(i, i + 2), word.slice(i + 2)];
    return `${before}${pair[1]}${pair[0]}${after}`;
  });
}

/** Levenshtein, as the textbook has it. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(
        Math.min(
          (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1),
          (row[j] as number) + 1,
          (next[j - 1] as number) + 1,
        ),
      );
    row = next;
  }
  return row[b.length] as number;
}
