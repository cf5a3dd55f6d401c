import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ChargeRule, chargeOf, type TokenFacts } from './token-charge.ts';

const facts: TokenFacts = {
  rule: 'final',
  reportedInput: undefined,
  reportedOutput: undefined,
  textBytesIn: 400,
  tokenEstimator: { tokens: 49.2 },
  contextLength: undefined,
  choices: 1,
};

/** Input and output, `~` where one is an estimate. */
function charge(parts: Partial<TokenFacts>): string {
  const { inputTokens, outputTokens, estimated } = chargeOf({ ...facts, ...parts });
  return `${estimated ? '~' : ''}${inputTokens} ${outputTokens}`;
}

test('each way to end has its charge', () => {
  const cases: readonly (readonly [ChargeRule, number | undefined, number | undefined, string])[] = [
    ['none', 7, 7, '0 0'],
    ['reported', undefined, undefined, '0 0'],
    ['reported', 7, undefined, '7 0'],
    ['reported', 7, 3, '7 3'],
    ['final', 7, 3, '7 3'],
    ['final', undefined, undefined, '~100 50'],
    ['final', 0, 0, '~100 50'],
    ['final', 7, 0, '~7 50'],
    ['final', 0, 3, '~100 3'],
    ['early', undefined, undefined, '~100 50'],
    ['early', 7, 3, '~100 50'],
    ['early', 700, 300, '700 300'],
    ['early', 700, 3, '~700 50'],
  ];
  for (const [rule, reportedInput, reportedOutput, expected] of cases)
    assert.equal(
      charge({ rule, reportedInput, reportedOutput }),
      expected,
      `${rule} ${reportedInput} ${reportedOutput}`,
    );
});

test('an estimate is at most the context; usage that an engine reports may be larger', () => {
  assert.equal(charge({ contextLength: 80 }), '~80 0');
  assert.equal(charge({ contextLength: 120 }), '~100 20');
  assert.equal(charge({ contextLength: 110, choices: 3 }), '~100 30');
  assert.equal(charge({ contextLength: 80, rule: 'early', reportedInput: 90, reportedOutput: 30 }), '90 30');
});

test('an answer without text is estimated at no tokens', () => {
  assert.equal(charge({ tokenEstimator: undefined, reportedInput: 7 }), '7 0');
  assert.equal(charge({ tokenEstimator: undefined }), '~100 0');
});
