import type { share as english } from '../en/share.ts';

/** Texts of the page *Share*. */
export const share: typeof english = {
  title: '共有',
  create: 'キーを共有',
  intro:
    '受け取った人がリンクを開いてボタンを押すと、キーが1回だけ作成されます。それまでキーは存在しません。',
  validity: 'リンクの有効期間',
  validities: { '1h': '1時間', '24h': '24時間', '7d': '7日間', '30d': '30日間' },
  make: 'リンクを作成',
  madeTitle: (label) => `${label}用のリンク`,
  once: 'キーは、リンクを最初に使った人に渡されます。相手だけが読める方法で送ってください。リンクは、このページで1回しか表示されません。',
  address: 'アドレス',
  qrOf: (label) => `${label}用のリンクのQRコード`,
  noProxy:
    '実行中のプロキシがないため、リンクにアドレスを付けられません。プロキシを起動してから、リンクを作り直してください。',
  trust: 'まだローカルCAを信頼していないデバイスでは、先に次の手順が必要です:',
  waiting: 'リンクが開かれるのを待っています…',
  keyMade: (address) => `${address}からの要求でキーが作成されました。最初の応答を待っています…`,
  works: (model) => `正常に動作しています。キーで${model}の応答を取得できました。`,
  refused: (status, code) => `このキーのリクエストがステータス${status} ${code}で拒否されました。詳細:`,
  over: (state) => `リンクの状態: ${state}`,
  close: '閉じる',
  state: '状態',
  states: { open: '未使用', redeemed: '使用済み', expired: '期限切れ', revoked: '取り消し済み' },
  when: '日時',
  ends: '有効期限:',
  key: 'キー',
  madeBy: '作成者',
  withdraw: '取り消し',
  withdrawOf: (label) => `${label}用のリンクの取り消し`,
  withdrawTitle: (label) => `${label}用のリンクを取り消しますか？`,
  withdrawText: 'リンクは使えなくなります。キーはまだ作成されていません。',
  empty: 'リンクがありません。',
  emptyHint: 'ここで、またはターミナルでキーを共有できます:',
};
