/** Texts around errors: of a wrong command line, and of what ended a command. */
import type { CliCatalogue } from '../catalogue.ts';

export const errors: CliCatalogue['errors'] = {
  error: 'エラー:',
  interrupted: '中断しました。',
  faults: {
    document: '文書全体',
    at: (line, column) => `（${line}行${column === undefined ? '' : `${column}文字目`}）`,
    fault: (field, at, value, allowed) => `${field}${at}は${value}です。指定できる値: ${allowed}`,
    more: (count) => `ほか${count}件`,
  },
  unknownLanguage: (value, languages) =>
    value === ''
      ? `--langには言語を指定してください: ${languages}。`
      : `言語${value}はありません。指定できる言語: ${languages}。`,
  unknownCommand: (command) => `コマンド${command}はありません。`,
  similarCommands: (command, similar) => `コマンド${command}はありません。似たコマンド: ${similar}。`,
  commandsOf: (command, group, names) => `コマンド${command}はありません。${group}のコマンド: ${names}。`,
};
