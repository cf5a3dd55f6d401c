/** Texts of `flm backup`. */
import type { CliCatalogue } from '../catalogue.ts';

export const backup: CliCatalogue['backup'] = {
  about: {
    backup: 'バックアップを作成、確認、一覧表示します。復号に使うキーも作成します',
    create:
      'プロキシの実行中に、キー、ポリシー、プロファイル、エンジン、共有、使用量、監査ログ、証明書、CAを1つのファイルに保存します',
    verify: 'バックアップを展開し、このflmでデータベースを開いて、内容を表示します',
    list: 'このマシンのバックアップを一覧表示します',
    key: 'バックアップを復号するageの鍵を管理します',
    keyCreate: '新しいageの鍵のファイルを作成し、公開の受信者を表示します',
  },
  options: {
    to: 'バックアップのフォルダー。省略時はデータフォルダーのbackups/',
    encrypt: 'パスフレーズの入力を求め、バックアップを暗号化します',
    passphraseFile: '1行目がパスフレーズのファイル',
    recipient: 'このageの受信者向けに暗号化します。複数回指定できます',
    plaintext: '暗号化しません。ファイルを読める人は誰でもシークレットを使えます',
    keep: 'フォルダーに残すバックアップの数（既定値: 7）',
    identity: 'バックアップを復号するageの秘密鍵のファイル',
    file: '読み取るバックアップ',
    folder: '一覧表示するフォルダー。省略時はデータフォルダーのbackups/',
    keyFile: '作成するファイル。このユーザーだけが読み取れます',
  },
  creating: 'バックアップを書き込んでいます',
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
  },
  yes: 'あり',
  no: 'なし',
  noCertificates: 'なし',
  sound: 'バックアップに問題はありません。',
  none: (folder) =>
    `${folder}にこのマシンのバックアップはありません。\`flm backup create\`で作成してください。`,
  keyCreated: (recipient, file) => `${recipient}\n秘密鍵は${file}にあります。`,
  keyNext:
    'このファイルは、パスワードマネージャーなど、このマシンの外に移してください。失うと、この受信者向けのバックアップは復元できません。このマシンに必要なのは受信者だけです。',
};
