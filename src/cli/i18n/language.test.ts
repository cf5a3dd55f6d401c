import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseLanguage } from './language.ts';

const languageOf = (environment: Readonly<Record<string, string>>, ...argv: readonly string[]): string =>
  chooseLanguage(argv, environment).language;

test('the language is that of the first variable that is set, in the order FLM_LANG, LC_ALL, LC_MESSAGES, LANG', () => {
  assert.equal(languageOf({}), 'en');
  assert.equal(languageOf({ LANG: 'ja_JP.UTF-8' }), 'ja');
  assert.equal(languageOf({ LANG: 'ja_JP.UTF-8', LC_MESSAGES: 'C' }), 'en');
  assert.equal(languageOf({ LANG: 'C', LC_MESSAGES: 'ja_JP' }), 'ja');
  assert.equal(languageOf({ LC_MESSAGES: 'ja_JP', LC_ALL: 'en_GB.UTF-8' }), 'en');
  assert.equal(languageOf({ LANG: 'ja_JP.UTF-8', LC_ALL: '' }), 'ja');
  assert.equal(languageOf({ LC_ALL: 'C', FLM_LANG: 'ja' }), 'ja');
  assert.equal(languageOf({ LC_ALL: 'ja_JP.eucJP', FLM_LANG: 'en' }), 'en');
});

test('a locale without texts means English, and a wrong FLM_LANG counts as unset', () => {
  for (const LANG of ['C', 'C.UTF-8', 'POSIX', 'fr_FR.UTF-8', 'jam_JM', 'x', '.', ''])
    assert.equal(languageOf({ LANG }), 'en');
  assert.equal(languageOf({ LANG: 'ja_JP.UTF-8', FLM_LANG: 'klingon' }), 'ja');
  assert.equal(languageOf({ FLM_LANG: 'klingon' }), 'en');
});

test('--lang may stand anywhere before -- and decides before the environment; the last one counts', () => {
  const LANG = 'ja_JP.UTF-8';
  assert.deepEqual(chooseLanguage(['--lang', 'en', 'key', 'list'], { LANG }), {
    language: 'en',
    argv: ['key', 'list'],
    unknown: undefined,
  });
  assert.deepEqual(chooseLanguage(['key', '--lang=en', 'list', '--lang', 'ja'], { LANG }), {
    language: 'ja',
    argv: ['key', 'list'],
    unknown: undefined,
  });
  const after = ['key', 'create', '--', '--lang', 'en'];
  assert.deepEqual(chooseLanguage(after, { LANG }), { language: 'ja', argv: after, unknown: undefined });
});

test('a --lang that is no language is told, and the error is in the language of the environment', () => {
  const { language, unknown } = chooseLanguage(['status', '--lang', 'de'], { LANG: 'ja_JP' });
  assert.deepEqual([language, unknown], ['ja', 'de']);
  assert.equal(chooseLanguage(['status', '--lang'], {}).unknown, '');
  assert.equal(chooseLanguage(['status', '--lang=JA'], {}).unknown, 'JA');
});

test('output for programs is English: JSON, CSV and the log of `flm proxy run`', () => {
  const environment = { LANG: 'ja_JP.UTF-8' };
  assert.equal(languageOf(environment, 'status', '--json'), 'en');
  assert.equal(languageOf(environment, 'usage', '--csv', '--lang', 'ja'), 'en');
  assert.equal(languageOf(environment, 'proxy', 'run', 'main'), 'en');
  assert.equal(languageOf(environment, 'proxy', 'run', '--help'), 'ja');
  assert.equal(languageOf(environment, 'key', 'create', '--', '--json'), 'ja');
});
