/**
 * What the set-up of a clone says, in English or Japanese. Plain JavaScript, because an old Node runs it before anything is
 * installed; src/cli/i18n/language.ts chooses the language in the same way.
 */
import process from 'node:process';

const en = {
  step: (what) => `flm set-up: ${what} ...`,
  seconds: (count) => `${count} s`,
  installing: 'installing dependencies (npm ci)',
  building: 'building',
  waiting: (owner) => `waiting for another set-up (${owner})`,
  justFinished: 'just finished',
  noNpm: (reason) => `npm could not be started: ${reason}`,
  npmFailed: 'npm ci failed; its own message is above.',
  noPinnedNode: "npm ci ran, but the pinned Node is missing: are install scripts off (npm's ignore-scripts)?",
  buildFailed: 'The build failed; its own message is above.',
  pinnedNodeFailed: (reason) => `The pinned Node could not be started: ${reason}`,
};

const ja = {
  step: (what) => `flmの準備: ${what}…`,
  seconds: (count) => `${count}秒`,
  installing: '依存パッケージをインストールしています（npm ci）',
  building: 'ビルドしています',
  waiting: (owner) => `別の準備が終わるのを待っています（${owner}）`,
  justFinished: '完了直後',
  noNpm: (reason) => `npmを起動できません: ${reason}`,
  npmFailed: 'npm ciが失敗しました。上のメッセージを確認してください。',
  noPinnedNode:
    'npm ciは完了しましたが、固定バージョンのNodeがありません。インストールスクリプトが無効になっていないか（npmのignore-scripts）確認してください。',
  buildFailed: 'ビルドに失敗しました。上のメッセージを確認してください。',
  pinnedNodeFailed: (reason) => `固定バージョンのNodeを起動できません: ${reason}`,
};

const { FLM_LANG, LC_ALL, LC_MESSAGES, LANG } = process.env;

const primaryOf = (locale) => (locale ?? '').toLowerCase().split(/[-_.@]/)[0];

const isKnown = (language) => language === 'en' || language === 'ja';
const chosen = isKnown(primaryOf(FLM_LANG)) ? FLM_LANG : LC_ALL || LC_MESSAGES || LANG;

export const setupTexts = primaryOf(chosen) === 'ja' ? ja : en;
