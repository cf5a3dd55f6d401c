/** Texts of `flm chat`. */
import type { CliCatalogue } from '../catalogue.ts';

export const chat: CliCatalogue['chat'] = {
  hello: (model) =>
    `${model}とのチャットを開始します。Ctrl-Cで応答を停止、Ctrl-Dで終了します。/helpでコマンドの一覧を表示します。`,
  commands: [
    ['/model NAME', '別のモデルで会話を続けます'],
    ['/models', '利用できるモデルを一覧表示します'],
    ['/system TEXT', 'システムメッセージを設定します。/systemだけで表示、/system offで削除します'],
    ['/image FILE', '次の質問に画像を添付します'],
    ['/save FILE', '会話をMarkdownで保存します。名前が.jsonで終わる場合はJSONで保存します'],
    ['/clear', '会話を消去します'],
    ['/help', 'この一覧を表示します'],
    ['/exit', '終了します。Ctrl-Dでも終了できます'],
  ],
  manyLines: '複数行の入力: 貼り付けるか、行末に\\を付けるか、"""だけの2行で囲みます。',
  cleared: '会話を消去しました。',
  model: (name) => `現在のモデルは${name}です。`,
  system: (text) => `現在のシステムメッセージ: ${text}`,
  noSystem: 'システムメッセージはありません。/system TEXTで設定できます。',
  systemRemoved: 'システムメッセージを削除しました。',
  image: (file, kilobytes) => `${file}（${kilobytes} KB）を次の質問に添付します。`,
  needsFile: (command) => `ファイルを指定してください: ${command} FILE`,
  noImage: (file) => `${file}はPNG、JPEG、GIF、WebPのいずれの画像でもありません。`,
  imageTooLarge: (megabytes) => `画像のサイズの上限は${megabytes} MBです。`,
  unreadable: (file, code) => `${file}を読み取れません（${code}）。`,
  saved: (file, count) => `${count}件のメッセージを${file}に保存しました。`,
  exists: (file) => `${file}はすでに存在します。上書きしないため、別の名前を指定してください。`,
  unwritable: (file, code) => `${file}に書き込めません（${code}）。`,
  nothingToSave: '保存する会話がまだありません。',
  unknown: (name) =>
    `コマンド${name}はありません。/helpで一覧を表示できます。この文を質問として送るには、先頭に空白を入れてください。`,
  noAnswer: 'モデルからの応答が空でした。',
  cut: '応答がトークン数の上限で打ち切られました。',
  stopped: '停止しました。',
  tokens: (count, perSecond, first) =>
    [
      `${count}トークン`,
      ...(perSecond === undefined ? [] : [`${perSecond}トークン/秒`]),
      ...(first === undefined ? [] : [`最初のトークンまで${first}`]),
    ].join('、'),
  roles: { system: 'システム', user: 'ユーザー', assistant: 'モデル' },
  imageMark: (count) => `[画像${count}枚]`,
  help: {
    chat: '実行中のプロキシを経由してモデルとチャットします',
    after: [
      'ターミナルがない場合、またはファイルやパイプから入力する場合は、標準入力の全体を1つのメッセージとして扱います。',
      '-mを指定すると、メッセージの後に標準入力のファイルやパイプの内容を続けます。',
      'チャットでは一時的なキーを使います。キーは10分間有効で、プロキシのメモリーだけに存在します。',
    ].join('\n'),
  },
  arguments: { model: 'モデルの名前。利用できるモデルが1つなら省略できます' },
  options: {
    message: 'このメッセージを送信し、応答を表示して終了します',
    proxy: 'IDまたはプロファイル。実行中のプロキシが1つなら省略できます',
    clientCert: '--client-caを使うプロキシ用のクライアント証明書（PEM）',
    clientKey: 'クライアント証明書の秘密鍵（PEM）。同じファイルにあれば省略できます',
  },
  choose: '使用するモデル（番号または名前）: ',
  notInList: 'このモデルは一覧にありません。',
  problems: {
    noQuestion: '質問がありません。-mまたは標準入力で指定してください。',
    giveMessage: '-m TEXTで質問を指定してください。',
    keyWithoutCertificate: '--client-keyを使うには、対応する証明書を--client-certで指定してください。',
    severalModels: (names) => `モデルが複数あります。次のいずれかを指定してください: ${names}`,
  },
};
