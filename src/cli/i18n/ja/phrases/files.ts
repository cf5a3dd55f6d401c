/** Why a file or standard input cannot be read: `src/cli/yaml-file.ts`. */
import type { Phrase } from '../../phrase.ts';

export const filePhrases: readonly Phrase[] = [
  ['there is none', 'ファイルがありません'],
  ['this user may not', 'このユーザーには権限がありません'],
  ['it is a folder', 'フォルダーです'],
  ['it is not UTF-8 text', 'UTF-8のテキストではありません'],
  ['it is nested too deeply', '入れ子が深すぎます'],
  ['it holds too many values', '値が多すぎます'],
  ['Map keys must be unique', '同じ名前が2回あります'],
  ['it does not exist, or this user may not read it', '存在しないか、このユーザーには読む権限がありません'],
];
