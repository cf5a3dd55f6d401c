import assert from 'node:assert/strict';
import { test } from 'node:test';
import { en } from './en.ts';
import { ja } from './ja.ts';
import { changeLanguage, languageFor, t } from './texts.ts';

/** Names, units without words and forms that hold only values are the same in every language. */
const same: ReadonlySet<string> = new Set([
  'title',
  'signIn.command',
  'translated',
  'certificates.fingerprint',
  'certificates.columns.fingerprint',
  'connect.advice',
  'connect.proxyName',
  'engines.unknown',
  'keys.beginning',
  'keys.endingOf',
  'keys.failed',
  'keys.importColumns',
  'logs.field',
  'logs.running',
  'usage.chat',
  'usage.removeFilter',
]);

/** By its place in the catalogue. A text that is composed has the number 2 in place of each value. */
function textsOf(catalogue: object, place = ''): Map<string, string> {
  const texts = new Map<string, string>();
  for (const [name, entry] of Object.entries(catalogue)) {
    const at = place === '' ? name : `${place}.${name}`;
    if (typeof entry === 'string') texts.set(at, entry);
    else if (typeof entry === 'function')
      texts.set(at, String(entry(...Array(entry.length).fill(name === 'translated' ? '2' : 2))));
    else for (const [inner, text] of textsOf(entry, at)) texts.set(inner, text);
  }
  return texts;
}

test('every text has a Japanese form, and only names are the same in both languages', () => {
  const [english, japanese] = [textsOf(en), textsOf(ja)];
  assert.deepEqual([...japanese.keys()].toSorted(), [...english.keys()].toSorted());
  const equal = [...english].filter(([place, text]) => japanese.get(place) === text).map(([place]) => place);
  assert.deepEqual(equal.toSorted(), [...same].toSorted());
});

test('Japanese texts have no space between Japanese and other characters, and no full-width letters or digits', () => {
  for (const [place, text] of textsOf(ja)) {
    assert.doesNotMatch(
      text,
      /[\u3040-\u30ff\u4e00-\u9fff] [A-Za-z0-9]|[A-Za-z0-9] [\u3040-\u30ff\u4e00-\u9fff]/,
      place,
    );
    assert.doesNotMatch(
      text,
      /[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]|[\u3040-\u30ff\u4e00-\u9fff][:?!]\S/,
      place,
    );
  }
});

test('the first language of the browser that has texts is chosen, and English otherwise', () => {
  assert.equal(languageFor(['ja-JP', 'en']), 'ja');
  assert.equal(languageFor(['fr', 'en-GB', 'ja']), 'en');
  assert.equal(languageFor(['fr', 'JA']), 'ja');
  assert.equal(languageFor(['fr', 'jam']), 'en');
  assert.equal(languageFor([]), 'en');
});

test('a change of the language reaches parts of the texts that a module keeps', () => {
  const kept = t.engines.columns;
  changeLanguage('ja');
  assert.equal(kept.engine, ja.engines.columns.engine);
  changeLanguage('en');
  assert.equal(kept.engine, en.engines.columns.engine);
  assert.deepEqual(textsOf(t), textsOf(en));
});
