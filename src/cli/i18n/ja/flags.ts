/** Problems with flags, and questions, that several commands have in common. */
import type { CliCatalogue } from '../catalogue.ts';

export const flags: CliCatalogue['flags'] = {
  notBoth: (one, other) => `${one}と${other}は同時に指定できません。`,
  jsonOrCsv: '--jsonと--csvは同時に指定できません。',
  oneOf: (flag, values) => `${flag}には、次のいずれかを指定してください: ${values}`,
  setOrClear: (name) => `${name}の設定と削除は同時に指定できません。`,
  nothingToChange: '変更する設定を1つ以上指定してください。',
  standardInput: '標準入力',
  confirm: {
    question: (effect) => `${effect}続行しますか？ [y/N] `,
    needsYes: (effect) => `${effect}実行するには、--yesを付けてもう一度実行してください。`,
    unchanged: '変更しませんでした。',
  },
};
