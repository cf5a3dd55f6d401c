import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { sampleKey } from '../../../test/helpers/key-samples.ts';
import { parseAddress } from './address-rules.ts';
import { compileKey } from './key-view.ts';

const mayUse = (models: readonly string[], name: string) =>
  compileKey(sampleKey({ models })).mayUseModel(name);

test('a key without rules may use everything, from everywhere, for ever', () => {
  const view = compileKey(sampleKey());
  assert.equal(view.anyModel && view.anyEngine, true);
  assert.equal(view.mayUseModel('') && view.mayUseEngine('e') && view.mayUseEndpoint('completions'), true);
  assert.equal(view.mayComeFrom(parseAddress('203.0.113.1')!), true);
  assert.equal(view.expiresAtMs, Number.POSITIVE_INFINITY);
  assert.equal(view.revoked, false);
});

test('each list restricts what it speaks of', () => {
  const view = compileKey(
    sampleKey({
      engines: ['e'],
      endpoints: ['completions'],
      addresses: ['10.0.0.0/8'],
      revokedAtMs: 1,
      expiresAtMs: 2,
    }),
  );
  assert.deepEqual([view.mayUseEngine('e'), view.mayUseEngine('f'), view.anyEngine], [true, false, false]);
  assert.deepEqual([view.mayUseEndpoint('completions'), view.mayUseEndpoint('score')], [true, false]);
  assert.equal(view.mayComeFrom(parseAddress('::ffff:10.1.1.1')!), true);
  assert.equal(view.mayComeFrom(parseAddress('11.1.1.1')!), false);
  assert.deepEqual([view.revoked, view.expiresAtMs], [true, 2]);
});

test('a model rule is a whole name, in which a star is any run of characters and nothing else means anything', () => {
  assert.equal(mayUse(['llama3'], 'llama3'), true);
  for (const name of ['llama3.1', 'xllama3', 'Llama3', '', 'llama3\n'])
    assert.equal(mayUse(['llama3'], name), false);
  assert.equal(mayUse(['llama*'], 'llama3:8b'), true);
  assert.equal(mayUse(['*/llama*'], 'org/llama3\n:8b'), true);
  assert.equal(mayUse(['*'], ''), true);
  assert.equal(mayUse(['a.c'], 'abc'), false);
  assert.equal(mayUse(['(a|b)+$'], '(a|b)+$'), true);
  assert.equal(mayUse(['ab*ba'], 'aba'), false);
  assert.equal(mayUse(['x', 'y*'], 'yes'), true);
});

test('a model rule matches as the plain definition of a glob does', () => {
  const glob = fc.array(fc.constantFrom('a', 'b', '*', '.', 'ab'), { maxLength: 8 }).map((p) => p.join(''));
  const name = fc.array(fc.constantFrom('a', 'b', '.', 'ab'), { maxLength: 10 }).map((p) => p.join(''));
  const plain = (pattern: string, text: string): boolean => {
    if (pattern === '') return text === '';
    if (pattern[0] !== '*') return pattern[0] === text[0] && plain(pattern.slice(1), text.slice(1));
    return plain(pattern.slice(1), text) || (text !== '' && plain(pattern, text.slice(1)));
  };
  fc.assert(
    fc.property(fc.array(glob, { minLength: 1, maxLength: 3 }), name, (globs, text) => {
      assert.equal(
        mayUse(globs, text),
        globs.some((g) => plain(g, text)),
      );
    }),
    { numRuns: 2_000, interruptAfterTimeLimit: 5_000 },
  );
});

test('a long name costs no more than its length, whatever the rule', () => {
  // A backtracking matcher needs centuries for this one.
  const rule = `${'*a'.repeat(12)}*b`;
  assert.equal(mayUse([rule], 'a'.repeat(100_000)), false);
  assert.equal(mayUse([rule], `${'a'.repeat(100_000)}b`), true);
});
