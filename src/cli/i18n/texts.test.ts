import assert from 'node:assert/strict';
import { test } from 'node:test';
import { en } from './en.ts';
import { ja } from './ja.ts';
import { liveCatalogue } from './live-catalogue.ts';
import { t, useLanguage } from './texts.ts';

test('a change of the language reaches parts of the texts that a module keeps', async () => {
  const kept = t.key.columns;
  const english = liveCatalogue(en);
  await useLanguage('ja');
  assert.equal(kept.label, ja.key.columns.label);
  assert.deepEqual(t, ja);
  await useLanguage('en');
  assert.deepEqual(t, english);
  assert.equal(kept.label, english.key.columns.label);
});
