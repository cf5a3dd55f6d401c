import type { policy as english } from '../en/policy.ts';

/** Texts of the page *Policy*. */
export const policy: typeof english = {
  title: 'ポリシー',
  intro: 'すべてのキーとアドレスに適用されるルールです。1行に1項目ずつ入力してください。',
  fields: {
    allowIps: '許可するアドレス（空欄: すべて）',
    denyIps: '拒否するアドレス',
    trustedProxies: '信頼するプロキシ（X-Forwarded-Forを信用します）',
    allowOrigins: '許可するブラウザーのオリジン',
    requestsPerMinute: '1分あたりのリクエスト数（全キーの合計）',
    requestsPerMinutePerKey: '1分あたりのリクエスト数（個別のレート制限がない各キー）',
    requestsPerMinutePerAddress: '1分あたりのリクエスト数（アドレスごと）',
  },
  saved: '保存しました。実行中のプロキシに新しいポリシーが適用されました。',
  confirmTitle: 'このポリシーを保存しますか？',
  confirm: 'このまま保存',
};
