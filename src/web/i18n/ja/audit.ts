import type { audit as english } from '../en/audit.ts';

/** Texts of the page *Audit*. */
export const audit: typeof english = {
  title: '監査ログ',
  time: '日時',
  actor: '操作者',
  action: '操作',
  subject: '対象',
  filter: '操作',
  change: '変更内容',
  empty: 'まだ変更はありません。',
  emptyHint: 'キー、ポリシー、エンジン、プロキシを変更すると、ここに表示されます。',
};
