/** Texts of `flm db`. */
import type { CliCatalogue } from '../catalogue.ts';

export const db: CliCatalogue['db'] = {
  about: {
    db: 'データベースを表示、移行、コピーします。シークレットを暗号化するキーも作成します',
    status: '使用中のデータベースと、応答の有無を表示します',
    migrate: 'データベースをこのflmのスキーマに更新します。コマンドやプロキシも自動的に更新します',
    copy: 'キー、ポリシー、プロファイル、エンジン、別名、共有、使用量、監査ログを別のデータベースへコピーします',
    key: 'PostgreSQLのシークレットを暗号化するキーを管理します',
    keyCreate: '新しいストアキーのファイルを作成します',
  },
  options: {
    from: (kinds) => `読み取るデータベース: ${kinds}`,
    to: (kinds) => `書き込むデータベース: ${kinds}`,
    replace: '空でないデータベースの内容をすべて上書きします',
    file: '作成するファイル。このユーザーだけが読み取れます',
  },
  rows: {
    store: 'ストア',
    database: 'データベース',
    server: 'サーバー',
    encrypted: 'TLS',
    schema: 'スキーマ',
    revision: '最後の変更',
    nodes: '実行中のプロキシ',
    latency: '応答時間',
    storeKey: 'ストアキー',
    content: '内容',
  },
  stores: { sqlite: 'SQLite', postgres: 'PostgreSQL' },
  verified: '検証済み',
  plain: 'オフ',
  empty: 'まだありません。最初のコマンドが作成します',
  older: (found, known) => `${found}（このflmは${known}に更新します）`,
  storeKey: (id, file) => `${id}（${file}）`,
  content: {
    profile: (count) => `プロファイル${count}件`,
    api_key: (count) => `キー${count}件`,
    engine: (count) => `エンジン${count}件`,
    model_alias: (count) => `別名${count}件`,
    share: (count) => `共有${count}件`,
    audit: (count) => `監査ログ${count}件`,
    refusal: (count) => `拒否されたログイン${count}件`,
    usage_hour: (count) => `1時間ごとの使用量${count}行`,
    usage_rollup: (count) => `1日ごとの使用量${count}行`,
  },
  nothing: 'なし',
  migrated: (database, from, to) =>
    from === to
      ? `${database}は最新です（スキーマ${to}）。`
      : `${database}: スキーマを${from}から${to}に更新しました。`,
  copied: (content, from, to) => `${from}から${to}へコピーしました: ${content}。`,
  keyCreated: (id, file) => `ストアキー${id}を${file}に作成しました。`,
  keyNext:
    '安全な場所に控えを保管してください。このファイルを失うと、データベースのシークレットは復元できません。各ノードにコピーし、FLM_STORE_KEY_FILEを設定してください。',
  kind: (option, kinds) => `--${option}には次のいずれかを指定してください: ${kinds}`,
  same: '異なる2つのデータベースを指定してください。',
};
