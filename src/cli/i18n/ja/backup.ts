/** Texts of `flm backup`. */
import type { CliCatalogue } from '../catalogue.ts';

export const backup: CliCatalogue['backup'] = {
  about: {
    backup: 'バックアップを作成、確認、復元、一覧表示します。復号に使うキーも作成します',
    create:
      'プロキシの実行中に、キー、ポリシー、プロファイル、エンジン、共有、使用量、監査ログ、証明書、CAを1つのファイルに保存します',
    verify: 'バックアップを展開し、このflmでデータベースを開いて、内容を表示します',
    restore:
      'データをバックアップの内容に置き換えます。失効または削除したキーはそのままで、監査ログは続き、以前のデータはフォルダーに残ります',
    list: 'このマシンのバックアップを一覧表示します',
    schedule: '実行中のプロキシが毎日バックアップを作成します',
    daily: '毎日バックアップを作成し、新しいものを残します',
    scheduleShow: '予定、最後に成功したバックアップ、問題を表示します',
    scheduleOff: '定期バックアップを終了します',
    key: 'バックアップを復号するageの鍵を管理します',
    keyCreate: '新しいageの鍵のファイルを作成し、公開の受信者を表示します',
  },
  options: {
    to: 'バックアップのフォルダー。省略時はデータフォルダーのbackups/',
    at: 'このマシンの時刻',
    encrypt: 'パスフレーズの入力を求め、バックアップを暗号化します',
    passphraseFile: '1行目がパスフレーズのファイル',
    recipient: 'このageの受信者向けに暗号化します。複数回指定できます',
    plaintext: '暗号化しません。ファイルを読める人は誰でもシークレットを使えます',
    keep: 'フォルダーに残すバックアップの数（既定値: 7）',
    identity: 'バックアップを復号するageの秘密鍵のファイル',
    file: '読み取るバックアップ',
    reviveKeys: '失効または削除したキーも含め、キーをバックアップのとおりに戻します',
    yes: '確認を求めません',
    folder: '一覧表示するフォルダー。省略時はデータフォルダーのbackups/',
    keyFile: '作成するファイル。このユーザーだけが読み取れます',
  },
  creating: 'バックアップを書き込んでいます',
  restoring: 'バックアップを復元しています',
  reading: 'バックアップを読み取っています',
  created: (content, size, file) => `${file}に保存しました（${size}）: ${content}。`,
  removed: (file) => `古いバックアップ${file}を削除しました。`,
  keepSecret:
    'このバックアップは暗号化されておらず、エンジンのシークレットと証明書の秘密鍵を含みます。自分だけが読める場所に保管してください。',
  chooseEncryption:
    'バックアップにはシークレットが含まれます。--encrypt（パスフレーズを入力）、--passphrase-file FILE、--recipient age1...、--plaintextのいずれかを指定してください。',
  noTerminal:
    'パスフレーズは端末でしか入力できません。--passphrase-file FILEまたは--recipient age1...を指定してください。',
  encryptQuestion: 'バックアップをパスフレーズで暗号化しますか？ [Y/n] ',
  newPassphrase: (length) => `パスフレーズ（${length}文字以上）: `,
  repeatPassphrase: '同じパスフレーズをもう一度: ',
  shortPassphrase: (length) => `パスフレーズは${length}文字以上にしてください。何も保存しませんでした。`,
  differentPassphrases: '2つのパスフレーズが異なります。何も保存しませんでした。',
  passphraseOf: (file) => `${file}のパスフレーズ: `,
  wrongRecipient: (text) => `「${text}」はageの受信者ではありません。受信者はage1で始まります。`,
  badKeep: '--keepには1から9999までの整数を指定してください。',
  rows: {
    file: 'ファイル',
    created: '作成日時',
    host: 'マシン',
    flm: 'flm',
    store: 'データベース',
    encrypted: '暗号化',
    content: '内容',
    certificates: '証明書',
    auditHeads: '監査ログの先頭',
    size: 'サイズ',
    daily: '毎日の時刻',
    folder: 'フォルダー',
    encryptedFor: '暗号化の受信者',
    keep: '残す数',
    lastGood: '最後の成功',
    problem: '問題',
  },
  yes: 'あり',
  no: 'なし',
  noCertificates: 'なし',
  ownFolder: 'データフォルダーのbackups/',
  notYet: 'まだありません',
  chooseRecipient:
    '--recipient age1...（秘密鍵はこのマシンの外に置きます。`flm backup key create FILE`で作成できます）または--plaintextのどちらか一方を指定してください。',
  badTime: '--atには03:30のような時刻を指定してください。',
  scheduleNext:
    '実行中のプロキシがバックアップを作成します。失敗すると、`flm status`と`flm doctor`が警告します。',
  noSchedule: '定期バックアップはありません。`flm backup schedule daily`で設定してください。',
  scheduleEnded: '定期バックアップを終了しました。既存のバックアップは残ります。',
  sound: 'バックアップに問題はありません。',
  replaces: (moment, host) =>
    `キー、ポリシー、プロファイル、エンジン、使用量、証明書を、${host}の${moment}のものに置き換えます。`,
  replacesUnread:
    'キー、ポリシー、プロファイル、エンジン、使用量、証明書を、バックアップのものに置き換えます。',
  restored: (content, moment, host) => `${host}の${moment}の内容を復元しました: ${content}。`,
  stayedRevoked: (count) =>
    `キー${count}件は、失効、一時停止、期限切れのままです（--revive-keysで変更できます）。`,
  stayedDeleted: (count) => `キー${count}件は、削除されたままです（--revive-keysで変更できます）。`,
  stayedEnded: (count) => `共有${count}件は、使用済みまたは取り消されたままです。`,
  lostKeys: (count) => `バックアップの後に作成されたキー${count}件は使えなくなりました。`,
  keptAudit: '監査ログは現在のもので、復元の記録が加わりました。',
  kept: (folder) => `以前のデータは${folder}にあります。不要になったら削除してください。`,
  restoreNext: '`flm proxy start`またはサービスで、プロキシをもう一度起動してください。',
  none: (folder) =>
    `${folder}にこのマシンのバックアップはありません。\`flm backup create\`で作成してください。`,
  keyCreated: (recipient, file) => `${recipient}\n秘密鍵は${file}にあります。`,
  keyNext:
    'このファイルは、パスワードマネージャーなど、このマシンの外に移してください。失うと、この受信者向けのバックアップは復元できません。このマシンに必要なのは受信者だけです。',
};
