/** Texts of `flm proxy status`, and of a proxy in detail. */
import type { CliCatalogue } from '../catalogue.ts';

export const status: CliCatalogue['status'] = {
  columns: {
    proxy: 'プロキシ',
    state: '状態',
    profile: 'プロファイル',
    endpoint: 'ベースURL',
    up: '稼働時間',
    keys: 'キー',
    requests: 'リクエスト',
    now: '実行中',
    engines: 'エンジン',
  },
  details: (profile) => `詳細: flm status ${profile}`,
  states: {
    starting: '起動中',
    running: '稼働中',
    draining: '終了処理中',
    'not-answering': '応答なし',
  },
  replacedBy: (id) => `${id}に引き継ぎ`,
  drainsFor: (id, successor) =>
    `${id}は${successor}に引き継いで終了処理中です。実行中の応答が完了すると終了します。`,
  engineNote: (said, note) => (note === undefined ? `${said}。` : `${said}: ${note}`),
  engineState: (engine, state) => `エンジン${engine}は${state}です`,
  engineRank: (engine, rank) => `エンジン${engine}: ${rank}`,
  facts: {
    endpoint: 'ベースURL',
    network: 'ネットワーク',
    dashboard: 'ダッシュボード',
    reach: 'アクセス範囲',
    certificate: '証明書',
    keys: 'キー',
    requests: 'リクエスト',
    engines: 'エンジン',
    limits: '制限',
    database: 'データベース',
    telemetry: 'テレメトリー',
    process: 'プロセス',
  },
  limitsShared: (nodes) => `全ノード共通で計数（${nodes}台）`,
  telemetryTo: (endpoint, sent, dropped) =>
    `${endpoint}に送信中、累計${sent}スパン${dropped === undefined ? '' : `（${dropped}件のリクエストは破棄）`}`,
  limitsAlone: 'このノードだけで計数',
  profile: (name) => `プロファイル${name}`,
  process: (pid, version, up) =>
    [
      `PID ${pid}`,
      version === undefined ? '' : `バージョン${version}`,
      up === undefined ? '' : `稼働時間${up}`,
    ]
      .filter((part) => part !== '')
      .join('、'),
  requests: (total, now, waiting) =>
    `累計${total}件、実行中${now}件${waiting === undefined ? '' : `（うち${waiting}）`}`,
  waiting: (count) => `待機中${count}件`,
  slots: (taken, slots) => `${slots}スロット中${taken}を使用`,
  models: (count) => `モデル${count}個`,
  builtIn: '内蔵',
  engineCount: (count, state) => `${state}${count}`,
  engineStates: { running: '稼働中', degraded: '不安定', down: '停止' },
  ranks: {
    last: (reason) => `優先順位を最後に下げています: ${reason}`,
    returning: (reason) => `復帰を確認するため、一度に1件だけ送っています。下げた理由: ${reason}`,
    lastForKeys: (keys, more, reason) =>
      `${keys}${more > 0 ? `ほか${more}個のキー` : ''}で優先順位を最後に下げています: ${reason}`,
  },
  certificate: {
    names: (names) => `対象: ${names}`,
    until: (at) => `有効期限: ${at}`,
    expired: (at) => `${at}に期限切れ`,
    renewed: (at) => `更新開始: ${at}`,
    suggested: (page) => (page === '' ? 'CAが提案した時刻' : `CAが提案した時刻（${page}）`),
    leftOut: (names) => `対象外: ${names}（ローカルCAはプライベートアドレスだけを証明できます）`,
    authority: (file) =>
      `クライアントはCAを信頼する必要があります（${file}）: flm cert trust、flm cert trust --device`,
  },
};
