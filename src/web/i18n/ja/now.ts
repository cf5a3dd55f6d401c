import { enginePhrases } from '../../../cli/i18n/ja/phrases/engines.ts';
import { valuePhrases } from '../../../cli/i18n/ja/phrases/values.ts';
import { warningPhrases } from '../../../cli/i18n/ja/phrases/warnings.ts';
import { phraseTranslator } from '../../../cli/i18n/phrase-translator.ts';
import type { now as english } from '../en/now.ts';

/** Texts of the page *Now*. Numbers that are texts are formatted already. */
const waits = (count: number): string => `${count}件が待機中`;

const inJapanese = phraseTranslator([...warningPhrases, ...enginePhrases, ...valuePhrases]);

export const now: typeof english = {
  title: '現在の状況',
  warnings: '警告',
  warning: '警告:',
  warningText: (message) => inJapanese(message),
  running: '実行中のリクエスト',
  engines: 'エンジン',
  proxies: 'プロキシ',
  ended: '最近のリクエスト',
  fleet: 'すべてのノード',
  fleetColumns: {
    node: 'ノード',
    state: '状態',
    version: 'バージョン',
    endpoint: 'エンドポイント',
    load: 'リクエスト',
    engines: 'エンジン',
    limits: '制限',
    changes: '変更',
  },
  nodeStates: { serving: '稼働中', draining: '終了処理中', silent: '応答なし' },
  silentFor: (time) => `ハートビートが${time}ありません`,
  nodeEngines: (up, all) => `${all}台中${up}台が稼働中`,
  nodeLimits: {
    shared: '全ノードで共有',
    away: 'このノード単独',
    returning: 'このノード単独（まもなく共有）',
    own: 'ノードごと',
  },
  changesApplied: '適用済み',
  changesBehind: (count) => `${count}件の遅れ`,
  search: '実行中のリクエストを検索',
  noRequests: '実行中のリクエストはありません。新しいリクエストは、すぐにここに表示されます。',
  noEnded: 'プロキシの起動後に終了したリクエストはありません。',
  runningColumns: {
    key: 'キー',
    model: 'モデル',
    engine: 'エンジン',
    state: '状態',
    tokens: '出力トークン',
    speed: 'トークン/秒',
    age: '経過時間',
    actions: '操作',
  },
  endedColumns: {
    key: 'キー',
    model: 'モデル',
    engine: 'エンジン',
    result: '結果',
    status: 'ステータス',
    tokens: 'トークン',
    firstByte: '最初のバイト',
    duration: '所要時間',
    at: '終了',
  },
  states: {
    receiving: '本文を受信中',
    waiting: '待機中',
    processing: 'プロンプトを処理中',
    streaming: 'ストリーミング中',
  },
  place: (number) => `（${number}番目）`,
  cancel: '中止',
  keep: '続行する',
  cancelOf: (label) => `${label}のリクエストを中止`,
  cancelTitle: (label) => `${label}のリクエストを中止しますか？`,
  cancelText: (model, tokens) =>
    `クライアントにはエラーREQUEST_CANCELLEDが返されます。モデルは${model}です。これまでの${tokens}トークンは、使用量に計上されます。`,
  engineColumns: {
    engine: 'エンジン',
    state: '状態',
    models: 'モデル（読み込み済み）',
    slots: 'スロット',
    queue: 'キュー',
    speed: 'トークン/秒',
  },
  engineStates: { running: '稼働中', degraded: '不安定', down: '停止' },
  rank: {
    last: (reason) => `優先順位を最後に下げています: ${reason}`,
    returning: (reason) => `復帰を確認するため、一度に1件だけ送っています: ${reason}`,
    'last-for-keys': (reason) => `一部のキーで優先順位を最後に下げています: ${reason}`,
  },
  noEngines: 'エンジンが登録されていません。',
  noEnginesHint: 'Ollamaなどのエンジンを起動してから、検出してください:',
  noneLoaded: (models) => `読み込み済みなし（${models}個利用可能）`,
  andMore: (shown, more) => `${shown}、ほか${more}個`,
  busy: (busy) => `${busy}件のリクエスト`,
  slots: (busy, slots) => `${slots}中${busy}を使用`,
  nobody: '待機なし',
  waiting: waits,
  proxyColumns: {
    proxy: 'プロキシ',
    state: '状態',
    url: 'ベースURL',
    reach: 'アクセス範囲',
    requests: 'リクエスト',
    uptime: '稼働時間',
  },
  reaches: {
    'this machine': 'このマシンのみ',
    'this network': 'このネットワーク',
    'the internet': 'インターネット',
  },
  proxyStates: {
    starting: '起動中',
    running: '稼働中',
    draining: '終了処理中',
    'not-answering': '応答なし',
  },
  successor: (id) => `${id}に引き継ぎ`,
  proxyLoad: (running, queued, total) =>
    `現在${running}件${queued === 0 ? '' : `（うち${waits(queued)}）`}、累計${total}件`,
  noProxies: '実行中のプロキシはありません。',
  noProxiesHint: 'クライアントはプロキシを経由してエンジンに接続します。次のコマンドで起動してください:',
  enginesUp: (up, down) => {
    const first = up === 0 ? '稼働中のエンジンはありません' : `${up}個のエンジンが稼働中です`;
    return down === 0 ? `${first}。` : `${first}（停止中${down}個）。`;
  },
  slotsBusy: (busy, slots) => `${slots}スロット中${busy}スロットを使用しています。`,
  requestsRun: (count) =>
    count === 0 ? '実行中のリクエストはありません。' : `${count}件のリクエストを実行しています。`,
  peopleWait: (count) => (count === 0 ? '待機中のリクエストはありません。' : `${waits(count)}です。`),
};
