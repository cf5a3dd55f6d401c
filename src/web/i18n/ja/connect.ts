import { type Advice, adviceText } from '../../../clients/advice.ts';
import { japaneseConnectTexts } from '../../../clients/advice-ja.ts';
import type { connect as english } from '../en/connect.ts';

/** Texts of the page *Connect*. Warnings and further notes of flm are said by their codes. */
export const connect: typeof english = {
  title: '接続',
  client: 'クライアント',
  proxy: 'プロキシ',
  proxyName: (id, profile) => `${profile} (${id})`,
  model: 'モデル',
  baseUrl: 'ベースURL',
  key: 'キー',
  addressLabel: 'アドレス',
  address: (origin, reach) => `${origin}（${reach}）`,
  reach: { 'this machine': 'このマシンのみ', network: 'ネットワークからも可' },
  otherHost: '別のホスト名またはアドレス…',
  host: 'ホスト名またはアドレス',
  useHost: '使用する',
  newKey: 'キーを作成して入力',
  keyHint: '設定のFLM_API_KEYはキーを表します。ここでキーを作成すると、設定に自動で入力されます。',
  keyFilled: (label) =>
    `${label}のキーを下の設定に入力しました。キーを保持しているのはこのページだけで、ページを離れると失われます。`,
  forgetKey: '消去',
  qr: 'スマートフォン用QRコード',
  test: 'テスト',
  testText:
    'プロキシがこのアドレスで応答することを確認します。または、クライアントからの最初のリクエストを待ちます。',
  checkAddress: 'アドレスを確認',
  wait: 'リクエストを待つ',
  waitAgain: '次のリクエストを待つ',
  waiting: (name) =>
    `${name}からのリクエストを待っています…有効なキーのないリクエストは、ここには表示されません。\`flm tail\`で確認できます。`,
  answers: (origin, models) => `✓ ${origin}が応答しました。モデル数は${models}です。`,
  answersNot: (origin, reason) => `✗ ${origin}: プロキシの確認に失敗しました（${reason}）。`,
  refused: (method, path, status, code) =>
    `✗ リクエストが拒否されました: ${method} ${path}、ステータス${status} ${code}。詳細:`,
  arrived: (key, model, time) => `✓ リクエストが届きました: キー${key}、モデル${model}、${time}。`,
  advice: (text, code, values) =>
    code in japaneseConnectTexts.advice
      ? // The values are those of the code, which this version of flm knows.
        adviceText(japaneseConnectTexts, { code, values } as Advice)
      : text,
  noProxy: '実行中のプロキシがありません。',
  noProxyHint: 'クライアントはプロキシに接続します。次のコマンドで起動してください:',
};
