/** What commander says about a wrong command line, after `sentence` of `src/cli/program.ts`. */
import type { Phrase } from '../../phrase.ts';

export const usagePhrases: readonly Phrase[] = [
  ["Missing required argument '{name}'.", '引数<{name}>が必要です。'],
  ["Option '{flags}' argument missing.", 'オプション{flags}に値が必要です。'],
  ["Required option '{flags}' not specified.", 'オプション{flags}が必要です。'],
  ["Unknown option '{flag}'.", 'オプション{flag}はありません。'],
  [
    "Unknown option '{flag}' (Did you mean {similar}?)",
    'オプション{flag}はありません（もしかして: {similar}）。',
  ],
  [
    "Unknown option '{flag}' (Did you mean one of {similar}?)",
    'オプション{flag}はありません（もしかして: {similar}）。',
  ],
  [
    "Option '{flag}' cannot be used with option '{other}'.",
    'オプション{flag}と{other}は同時に指定できません。',
  ],
  [
    "Too many arguments for '{command}'. Expected {count} arguments but got {received}: {words}.",
    '引数が多すぎます。{command}の引数は{count}個ですが、{received}個あります: {words}。',
  ],
  [
    "Too many arguments for '{command}'. Expected {count} argument but got {received}: {words}.",
    '引数が多すぎます。{command}の引数は{count}個ですが、{received}個あります: {words}。',
  ],
  [
    'Too many arguments. Expected {count} arguments but got {received}: {words}.',
    '引数が多すぎます。{count}個のところ、{received}個あります: {words}。',
  ],
];
