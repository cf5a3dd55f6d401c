/** Texts of `flm up`. */
import type { CliCatalogue } from '../catalogue.ts';

export const up: CliCatalogue['up'] = {
  first: {
    already: (id) => `flmはすでに起動しています（${id}）。`,
    detached: (id) => `flmをバックグラウンドで起動しました（${id}）。`,
    foreground: () => 'flmを起動しました。',
  },
  last: {
    already: '停止するには: flm proxy stop',
    detached: '停止するには: flm proxy stop',
    foreground: 'Ctrl-Cで停止します。',
  },
  facts: {
    endpoint: 'ベースURL',
    models: 'モデル',
    network: 'ネットワーク',
    reach: 'アクセス範囲',
    certificate: '証明書',
    telemetry: 'テレメトリー',
    key: 'APIキー',
  },
  newKey: 'APIキー（1回しか表示されません。保存してください）:',
  existingKey: '既存のキーを使えます。新しく作るには: flm up --new-key',
  tryIt: { here: '試しに送信するには:', elsewhere: '別のターミナルで試しに送信するには:' },
  next: (last) => `次の操作: flm chat、flm connect、flm key create LABEL。${last}`,
  noModels: 'まだありません',
  models: (names, more) => `${names}${more > 0 ? `、ほか${more}個（flm model list）` : ''}`,
  stopped: '停止しました。',
  byDefault: '既定値',
  differs: (has, profile, flags) =>
    `実行中のプロキシの設定は、指定されたフラグと異なります（${has}）。フラグを適用するには: flm proxy restart ${profile} ${flags}`,
  noAnswer: (reason) => `プロキシの確認に失敗しました: ${reason}`,
  exposed: (ids) =>
    `ほかのマシンからflmを経由せずに使えるエンジン: ${ids}。見える内容と対策を確認するには: flm doctor`,
  clientCertificate: (file) =>
    `${file}が発行した証明書を持つクライアントだけが接続できるため、テストリクエストは送信しませんでした。`,
  help: 'エンジンを検出し、プロキシを起動し、キーを作成して、リクエストの例を表示します',
  arguments: { profile: '保存されているプロファイル' },
  options: {
    detach: 'プロキシをバックグラウンドで実行します',
    newKey: 'キーがすでにある場合も、新しいキーを作成します',
  },
};
