/** Texts of `flm` without a command. */
import type { CliCatalogue } from '../catalogue.ts';

export const next: CliCatalogue['next'] = {
  states: {
    starting: '起動中',
    running: '稼働中',
    draining: '終了処理中',
    'not-answering': '応答なし',
  },
  proxy: (state, url) => `${state}: ${url}`,
  engines: (count) => `エンジン${count}個`,
  models: (count) => `モデル${count}個`,
  profile: (name) => `プロファイル${name}`,
  reach: (reach) => `アクセス範囲: ${reach}`,
  details: (facts, id) => `${facts}（${id}）`,
  noProxy: '実行中のプロキシはありません。',
  keys: (count) => (count === 0 ? 'キーはまだありません。' : `使用できるキーは${count}個です。`),
  next: '次の操作:',
  does: {
    createKey: 'クライアント用のキーを作成します',
    watch: 'プロキシの準備ができたかを確認します',
    cancel: '起動を取り消します',
    help: 'その他のコマンドを表示します',
    up: 'エンジンを検出し、プロキシを起動して、使い方を表示します',
    start: 'プロキシをバックグラウンドで起動します',
    chat: 'プロキシを経由してモデルとチャットします',
    connect: 'Open WebUI、Codex、Claude Code、SDKなどの設定を表示します',
    tail: '終了したリクエストを順に表示します',
    stop: '実行中のリクエストを完了してから停止します',
  },
};
