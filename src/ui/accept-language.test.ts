import assert from 'node:assert/strict';
import { test } from 'node:test';
import { preferredLanguage } from './accept-language.ts';

test('the language with the greatest weight is chosen, and the first of equal ones', () => {
  const cases: readonly (readonly [accepted: string, chosen: string | undefined])[] = [
    ['', undefined],
    ['*', undefined],
    ['fr, de;q=0.5', undefined],
    ['ja', 'ja'],
    ['JA-jp', 'ja'],
    ['jam', undefined],
    ['en, ja', 'en'],
    ['fr, ja;q=0.8, en;q=0.7', 'ja'],
    ['ja;q=0.5,en;q=0.9', 'en'],
    ['ja ; q=0.5 , en ; q=0.4', 'ja'],
    ['ja;q=0', undefined],
    ['ja;q=0, en;q=0.1', 'en'],
    ['ja;q=x, en;q=0.1', 'en'],
    ['ja;q=5, en', 'en'],
  ];
  for (const [accepted, chosen] of cases)
    assert.equal(preferredLanguage(accepted, ['en', 'ja']), chosen, accepted);
});
