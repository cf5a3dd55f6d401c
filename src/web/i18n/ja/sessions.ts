import type { sessions as english } from '../en/sessions.ts';

/** Texts of the page *Sessions*. */
export const sessions: typeof english = {
  title: 'セッション',
  current: 'このページ',
  started: '開始日時',
  lastUsed: '最終アクセス',
  browser: 'ブラウザー',
  signOut: 'サインアウト',
  end: 'セッションを終了',
};
