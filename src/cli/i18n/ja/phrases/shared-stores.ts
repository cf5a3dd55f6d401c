/** Refusals of the stores that several machines share: their settings, PostgreSQL, the store key. */
import type { Phrase } from '../../phrase.ts';

export const sharedStorePhrases: readonly Phrase[] = [
  // src/store/postgres/database-failure.ts
  ['another change came first', '別の変更が先に行われました'],
  ['two changes waited for each other', '2つの変更が互いを待ちました'],
  ['it has no connection left (max_connections)', '空き接続がありません（max_connections）'],
  ['it has no memory left', 'メモリーが足りません'],
  ['another program holds a lock', '別のプログラムがロックしています'],
  ['the statement took too long', '処理に時間がかかりすぎました'],
  ['it was shut down', '停止されました'],
  ['it crashed', '異常終了しました'],
  ['it is starting or stopping', '起動中または停止処理中です'],
  ['the session was idle for too long', '接続が長時間使われませんでした'],
  ['the transaction was idle for too long', 'トランザクションが長時間使われませんでした'],
  ['the connection was refused', '接続が拒否されました'],
  ['the connection was reset', '接続が切断されました'],
  ['its socket does not exist', 'ソケットがありません'],
  ['this user may not open its socket', 'このユーザーはソケットを開けません'],
  ['its name is unknown', 'その名前のサーバーは見つかりません'],
  ['no name server answered', 'ネームサーバーから応答がありません'],
  ['it did not answer in time', '時間内に応答がありませんでした'],
  ['there is no route to it', '到達できません'],
  ['its certificate is for another name', '証明書の名前が一致しません'],
  [
    'its certificate is not trusted (the parameter ca names a CA file)',
    '証明書が信頼されていません（パラメーターcaでCAファイルを指定します）',
  ],
  ['it is read-only, such as a standby', 'スタンバイなど、読み取り専用です'],
  // src/store/postgres/migrate.ts
  ['flm needs PostgreSQL 13 or newer', 'flmにはPostgreSQL 13以降が必要です'],
  ['its encoding is {encoding}, and flm needs UTF8', '文字コードは{encoding}ですが、flmにはUTF8が必要です'],
  // src/store/postgres/store-key.ts
  ['a line of the file is no store key', 'ストアキーではない行があります'],
  ['the file is empty', 'ファイルが空です'],
  [
    'the secret of {place} in the database was changed',
    'データベースにある{place}の秘密情報が改変されています',
  ],
  [
    'the secret of {place} in the database was encrypted with another store key ({id})',
    'データベースにある{place}の秘密情報は、別のストアキー（{id}）で暗号化されています',
  ],
  [
    'FLM_STORE_KEY_FILE is not set, and PostgreSQL needs it',
    'FLM_STORE_KEY_FILEが設定されていません。PostgreSQLの使用に必要です',
  ],
  ['it exists already, and is not overwritten', 'すでに存在するため、上書きしません'],
  ['this user may not read or write it', 'このユーザーは読み書きできません'],
  ['it is a folder', 'フォルダーです'],
  ['it does not exist', '存在しません'],
  // src/app/database-tools.ts
  ['proxies of this machine run ({ids})', 'このマシンのプロキシが動作しています（{ids}）'],
  ['FLM_DATABASE_URL is not set', 'FLM_DATABASE_URLが設定されていません'],
  // src/core/store-settings.ts
  ['a time such as 30m, 1h or 1d', '30m、1h、1dのような時間'],
  ['up to 63 letters, digits, dots, hyphens and underscores', '63文字以内の英数字、ドット、ハイフン、下線'],
  ['set as well', '両方に設定されています'],
  ['only one of {name} and {other}', '{name}と{other}のどちらか一方'],
  ['a file that this user can read, with one URL', 'このユーザーが読み取れる、URLが1つ書かれたファイル'],
  [
    'a URL such as postgres://flm:PASSWORD@db.example/flm',
    'postgres://flm:PASSWORD@db.example/flmのようなURL',
  ],
  [
    'a URL such as rediss://:PASSWORD@valkey.example or redis://127.0.0.1',
    'rediss://:PASSWORD@valkey.exampleまたはredis://127.0.0.1のようなURL',
  ],
  ['a URL without a user', 'ユーザー名のないURL'],
  ['a URL without a database', 'データベース名のないURL'],
  ['sslmode without verification', '検証を行わないsslmode'],
  ['tls=off, if the connection may be without TLS', 'TLSなしの接続でよい場合はtls=off'],
  ['redis:// with tls=off, or rediss://', 'tls=offを付けたredis://、またはrediss://'],
  ['a connection to another machine without TLS', '別のマシンへのTLSなしの接続'],
  [
    'rediss://, or redis:// with ?tls=off if the network is safe',
    'rediss://。ネットワークが安全な場合は、?tls=offを付けたredis://',
  ],
  ['a path that is no number', '数字ではないパス'],
  ['the number of a database, such as /0', '/0のようなデータベースの番号'],
  ['a URL with an unknown parameter', '不明なパラメーターのあるURL'],
  ['a URL with #', '#を含むURL'],
  ['a password with # written as %23', '#を%23と書いたパスワード'],
  ['another value of tls', 'tlsの別の値'],
];
