import type { logs as english } from '../en/logs.ts';

/** Texts of the page *Logs*. */
export const logs: typeof english = {
  title: 'ログ',
  proxy: 'プロキシ',
  level: 'レベル',
  levels: { debug: 'すべて', info: '情報', warn: '警告', error: 'エラー' },
  search: 'ログを検索',
  columns: { time: '日時', level: 'レベル', message: 'メッセージ', fields: '詳細' },
  field: (name, value) => `${name}=${value}`,
  empty: 'ログがありません。',
  emptyHint: 'バックグラウンドのプロキシは、ここにログを書き込みます。次のコマンドで起動してください:',
  noMatch: 'この範囲に一致する行はありません。',
  noMatchHint: 'ログは少しずつ検索されます。さらに古い行の検索を続けるか、絞り込みの条件を変更してください。',
  newest: '最新の行',
  older: 'さらに古い行',
  running: (profile, id) => `${profile} (${id})`,
};
