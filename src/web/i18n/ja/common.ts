import { enginePhrases } from '../../../cli/i18n/ja/phrases/engines.ts';
import { valuePhrases } from '../../../cli/i18n/ja/phrases/values.ts';
import { warningPhrases } from '../../../cli/i18n/ja/phrases/warnings.ts';
import { phraseTranslator } from '../../../cli/i18n/phrase-translator.ts';
import type { common as english } from '../en/common.ts';

/** Texts that several pages share, and those of the frame around the pages. */
export const common: typeof english = {
  language: 'ja',
  title: 'flm',
  between: '',
  comma: '、',
  semicolon: '、',
  translated: phraseTranslator([...warningPhrases, ...enginePhrases, ...valuePhrases]),
  skipToContent: '本文へ移動',
  navigation: 'ページ',
  morePages: 'その他',
  loading: '読み込み中…',
  cancel: 'キャンセル',
  save: '保存',
  copy: 'コピー',
  copied: 'コピーしました',
  qrOf: (what) => `QRコード: ${what}`,
  never: 'なし',
  none: 'なし',
  all: 'すべて',
  actions: '操作',
  command: 'ターミナルで同じ操作を行うには:',
  more: (shown, total) => `さらに表示（${total}件中${shown}件）`,
  units: {
    milliseconds: (number) => `${number}ms`,
    seconds: (number) => `${number}秒`,
    minutes: (number) => `${number}分`,
    hours: (number) => `${number}時間`,
  },
  chart: {
    asTable: 'このグラフを表で表示',
    time: '日時',
    only: (name) => `${name}だけを表示`,
  },
  stale: (time) => `${time}時点の状態です。再読み込みに失敗しました:`,
  readOnly: 'このキーのスコープは`admin:read`だけです。そのため、変更を行う操作とチャットは表示されません。',
  paused: 'テキストを選択している間や、表にポインターを置いている間は、更新を停止します。',
  ended: {
    title: 'このセッションは終了しました',
    hint: 'ダッシュボードのセッションはこのページだけで有効なため、再読み込みすると終了します。次のコマンドをもう一度実行してください:',
  },
  offline: {
    title: 'flmが応答しません。',
    hint: '最後に確認した状態を表示しています。flmが応答すると、自動的に再開します。',
    command: 'コマンドが終了している場合は、もう一度実行してください:',
  },
  signIn: {
    title: 'サインイン',
    hint: 'このプロキシのダッシュボードを使うには、スコープadminまたはadmin:readを持つキーが必要です。キーはこのページだけで保持されるため、再読み込みするとサインアウトします。',
    key: '管理者キー',
    button: 'サインイン',
    ended: 'このキーはプロキシで使えなくなりました。',
    noScope: 'このキーには、スコープadminもadmin:readもありません。',
    make: 'プロキシのマシンで、次のコマンドを使ってキーを作成できます:',
    command: 'flm key create NAME --scope admin',
  },
};
