/** Texts of `flm tail`. */
import type { CliCatalogue } from '../catalogue.ts';

export const tail: CliCatalogue['tail'] = {
  // The widths of these columns do not depend on their headings.
  columns: {
    status: '状態',
    time: '時刻',
    key: 'キー',
    model: 'モデル',
    engine: 'エンジン',
    client: 'クライアント',
    first: '初応答',
    speed: 'tok/秒',
    took: '時間',
    ending: '結果',
  },
  queued: (time) => `キューで${time}待機`,
  byRule: (rule) => `（${rule}）`,
  watching: (proxy) => `${proxy}のリクエストを表示します。`,
  empty: 'リクエストが終了すると、ここに表示されます。試しに送信するには: flm chat',
  ended: (proxy) => `${proxy}が終了しました。`,
  endedWaiting: (proxy) => `${proxy}が終了しました。後継のプロキシを待っています（Ctrl-Cで終了）。`,
  proxy: (id, profile, port) => `${id}（プロファイル${profile}、ポート${port}）`,
  help: {
    tail: 'リクエストが終了するたびに1行ずつ表示します。Ctrl-Cで終了します',
    after: '--jsonを指定すると、各行が1つのJSONドキュメントになります。',
  },
  options: {
    proxy: 'IDまたはプロファイル。既定では実行中のすべてのプロキシ',
    refused: '拒否されたリクエストだけを、ルールとともに表示します',
  },
};
