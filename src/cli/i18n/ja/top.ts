/** Texts of `flm top`. */
import type { CliCatalogue } from '../catalogue.ts';

export const top: CliCatalogue['top'] = {
  title: 'flm top',
  proxies: (count) => `プロキシ${count}個`,
  running: (count) => `実行中${count}件`,
  waiting: (count) => `待機中${count}件`,
  speed: (perSecond) => `${perSecond}トークン/秒`,
  // The widths of these columns do not depend on their headings.
  engineColumns: {
    engine: 'エンジン',
    state: '状態',
    busy: '使用中',
    waits: '待機',
    speed: 'tok/秒',
    models: 'モデル',
  },
  requestColumns: {
    key: 'キー',
    model: 'モデル',
    engine: 'エンジン',
    state: '状態',
    age: '経過',
    first: '初応答',
    tokens: 'tok',
    speed: 'tok/秒',
    client: 'クライアント',
  },
  busy: (taken, slots) => `${taken}/${slots}`,
  engineStates: { running: '稼働中', degraded: '不安定', down: '停止' },
  states: { receiving: '受信中', waiting: '待機中', processing: '処理中', streaming: '応答中' },
  waitingAt: (position) => `待機#${position}`,
  moreEngines: (count) => `ほか${count}個のエンジン`,
  moreRequests: (count) => `ほか${count}件のリクエスト`,
  noEngine:
    'エンジンがありません。起動したエンジンは自動的に使われます。追加するには`flm engine add URL`を実行してください。',
  noProxy: '実行中のプロキシはありません。`flm up`で起動すると、ここに表示されます。',
  noRequest: '実行中のリクエストはありません。別のターミナルから送信できます: flm chat',
  ended: '最近終了したリクエスト',
  keys: '↑/↓ 選択   c リクエストを中止   q 終了',
  keysWithoutRequest: 'q 終了',
  confirm: (key, model) =>
    `${key}のリクエスト（${model}）を中止しますか？ クライアントにはエラーが返されます。 y/n`,
  cancelled: (key) => `${key}のリクエストを中止しました。`,
  hasEnded: 'リクエストはすでに終了しています。',
  failed: (message) => `中止できませんでした: ${message}`,
  kept: '中止しませんでした。',
  help: {
    top: 'エンジンと実行中のリクエストをリアルタイムで表示します。キー操作で中止できます',
    after: 'ターミナルがない場合、または--jsonを指定した場合は、現在の状態を1回だけ出力します。',
  },
};
