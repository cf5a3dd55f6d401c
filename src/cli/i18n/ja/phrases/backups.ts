/** Why a backup cannot be used. */
import type { Phrase } from '../../phrase.ts';

export const backupPhrases: readonly Phrase[] = [
  // src/archive/unpack.ts, src/archive/tar.ts
  ['it is no backup of flm', 'flmのバックアップではありません'],
  ['it is cut off', '途中で切れています'],
  ['it is damaged', '壊れています'],
  ['it is damaged or cut off', '壊れているか、途中で切れています'],
  ['its manifest is damaged', 'マニフェストが壊れています'],
  ['its members differ from its manifest', '内容がマニフェストと異なります'],
  ['it has a member that is no plain file', '通常のファイルではないものが含まれています'],
  ['it has a member with an unknown name', '不明な名前のファイルが含まれています'],
  ['it is encrypted with a passphrase', 'パスフレーズで暗号化されています'],
  ['it is encrypted for an age key', 'ageの鍵で暗号化されています'],
  ['the passphrase is wrong, or its first bytes are damaged', 'パスフレーズが違うか、先頭が壊れています'],
  [
    'it was encrypted for another age key, or its first bytes are damaged',
    '別のageの鍵で暗号化されているか、先頭が壊れています',
  ],
  // src/app/backup/opened-backup.ts
  ['its database is damaged', 'データベースが壊れています'],
  ['its database is damaged ({fault})', 'データベースが壊れています（{fault}）'],
  // src/app/backup/restore-backup.ts
  [
    'proxies that share the database run ({nodes}), or ended in the last seconds',
    'データベースを共有するプロキシが実行中か、数秒前に終了しました（{nodes}）',
  ],
  // src/app/backup/backup-secrets.ts
  [
    'its first line is no passphrase of at least {count} characters',
    '1行目が{count}文字以上のパスフレーズではありません',
  ],
  [
    'it is no file of age identities (AGE-SECRET-KEY-...)',
    'ageの秘密鍵のファイルではありません（AGE-SECRET-KEY-...）',
  ],
];
