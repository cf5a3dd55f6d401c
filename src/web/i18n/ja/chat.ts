import type { chat as english } from '../en/chat.ts';

/** Texts of the page *Chat*. Numbers and times are formatted already. */
export const chat: typeof english = {
  title: 'チャット',
  conversation: '会話',
  message: 'メッセージ',
  messageHint: 'Enterで送信、Shift+Enterで改行します。',
  send: '送信',
  stop: '停止',
  clear: '新しい会話',
  system: 'システムプロンプト',
  systemHint: '会話の前に送信される、モデルへの指示です。',
  usageHint:
    'メッセージは一時的なキーを使ってプロキシ経由で送信され、flm chatの使用量として計上されます。会話は、このページのメモリーにだけ保持されます。',
  reasoning: '推論',
  waiting: '最初のトークンを待っています…',
  stopped: '停止しました。',
  tokens: (input, output) => `トークン: 入力${input}、出力${output}`,
  speed: (number) => `${number}トークン/秒`,
  firstToken: (time) => `最初のトークンまで${time}`,
  total: (time) => `合計${time}`,
  cut: 'トークン数の上限で打ち切られました',
  raw: 'コマンドで表したリクエスト',
  rawHint: 'FLM_API_KEYをAPIキーに置き換えてください。',
  noProxyHint: 'チャットはプロキシを経由します。次のコマンドで起動してください:',
  noModel: 'モデルを提供しているエンジンがありません。',
  noModelHint: 'エンジンを起動するか、モデルを読み込んでください。flmに登録されているエンジン:',
};
