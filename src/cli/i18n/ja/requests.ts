/** Texts of `flm requests`. */
import type { CliCatalogue } from '../catalogue.ts';

export const requests: CliCatalogue['requests'] = {
  columns: {
    id: 'ID',
    key: 'キー',
    model: 'モデル',
    engine: 'エンジン',
    state: '状態',
    age: '経過時間',
    tokens: 'トークン',
    speed: 'トークン/秒',
    client: 'クライアント',
  },
  states: { receiving: '受信中', waiting: '待機中', processing: '処理中', streaming: '応答中' },
  place: (position) => `（${position}番目）`,
  none: '実行中のリクエストはありません。終了したリクエストは`flm tail`で確認できます。',
  noneRecent: 'プロキシの起動後に終了したリクエストはありません。',
  noneRecentOf: (key) => `プロキシの起動後に終了した${key}のリクエストはありません。`,
  estimated: '~は推定値です。',
  cancelled: (id, key, model) =>
    `${key}のリクエスト${id}（${model}）を中止しました。クライアントにはエラーREQUEST_CANCELLEDが返されました。`,
  help: {
    requests: '実行中のリクエストを一覧表示します。中止もできます',
    recent:
      '最近終了した200件のリクエストを、新しいものが最後になるように表示します。記録はプロキシのメモリーだけにあります',
    cancel: '実行中のリクエストを中止します。クライアントにはエラーが返されます',
  },
  arguments: { request: 'リクエストのID。`flm requests`またはヘッダーx-request-idで確認できます' },
  options: { key: 'このキー（ID、ラベル、先頭の文字）の最近200件のリクエストだけを表示します' },
};
