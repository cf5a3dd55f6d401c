/** `flm proxy status --fleet`の文です。 */
import type { CliCatalogue } from '../catalogue.ts';

export const fleet: CliCatalogue['fleet'] = {
  columns: {
    node: 'ノード',
    state: '状態',
    version: 'バージョン',
    endpoint: 'ベースURL',
    up: '稼働時間',
    now: '実行中',
    requests: 'リクエスト',
    engines: 'エンジン',
    limits: '制限',
    changes: '変更',
  },
  states: { serving: '稼働中', draining: '終了処理中' },
  silent: (time) => `${time}応答なし`,
  now: (running, waiting) => (waiting === 0 ? String(running) : `${running}（待機${waiting}）`),
  limits: { shared: '共有', away: '単独', returning: '復帰中', own: '個別' },
  current: '適用済み',
  behind: (count) => `${count}件の遅れ`,
  summary: (nodes, revision) => `ノードは${nodes}台、最新の変更番号は${revision}です。`,
  notWithProxy: 'プロキシの名前、--fleet、--checkは、いずれか1つだけを指定してください。',
};
