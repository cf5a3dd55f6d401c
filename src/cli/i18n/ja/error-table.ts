/**
 * The Japanese texts of the error table, `src/core/errors.ts`. `{name}` is the same parameter as in the English row; a
 * parameter that is itself a phrase is translated first.
 */
import type { CliCatalogue } from '../catalogue.ts';

export const errorTable: CliCatalogue['errorTable'] = {
  // --- プロキシの起動、停止、検索
  PROXY_INVALID_CONFIG: {
    text: '設定が正しくありません: {faults}',
    hint: '上記の項目を修正してから、もう一度起動してください。',
  },
  PROXY_PORT_IN_USE: {
    text: '{address}のポート{port}は{holder}すでに使用されています。',
    hint: '--port Nで別のポートを指定するか（0なら空きポートを選択）、このポートを使用しているプログラムを停止してください。',
  },
  PROXY_PORT_FORBIDDEN: {
    text: 'このユーザーはポート{port}で待ち受けできません。',
    hint: '--port Nで1024以上のポートを指定してください。または、小さい番号のポートを許可してください。systemdのユニットではAmbientCapabilities=CAP_NET_BIND_SERVICE、全ユーザーでは`sudo sysctl net.ipv4.ip_unprivileged_port_start={port}`を使います。',
  },
  PROXY_ADDRESS_UNAVAILABLE: {
    text: 'このマシンにはアドレス{address}がありません。',
    hint: '--bindにこのマシンのアドレスを指定するか（`ip addr`または`ifconfig`で確認できます）、--bindを省略してください。',
  },
  PROXY_ALREADY_RUNNING: {
    text: 'プロファイル{profile}のプロキシはすでに{state}です（{id}、{url}）。',
    hint: '`flm proxy stop {id}`で停止するか、`flm proxy restart {id}`で再起動してください。',
  },
  PROXY_NOT_RUNNING: {
    text: '{which}実行中のプロキシはありません。',
    hint: '`flm proxy status`で実行中のプロキシを確認するか、`flm proxy start`で起動してください。',
  },
  FLEET_NONE: {
    text: 'このflmは、ほかのマシンとデータベースを共有していません。',
    hint: 'このマシンの状態は`flm status`で確認できます。マシンを追加するには、FLM_DATABASE_URLを設定してください（docs/fleet.md）。',
  },
  PROXY_STARTING: {
    text: 'プロキシ{id}（プロファイル{profile}）は起動中です。',
    hint: '`flm proxy status`で稼働中と表示されるまで待つか、`flm proxy stop {id}`で停止してください。',
  },
  PROXY_AMBIGUOUS: {
    text: '複数のプロキシが動作しています: {which}。',
    hint: 'IDまたはプロファイルで1つを指定するか、--allを使ってください。',
  },
  PROXY_START_FAILED: {
    text: 'プロキシは応答する前に終了しました: {reason}。',
    hint: 'ログを確認してください: `flm proxy logs`',
  },
  PROXY_START_TIMEOUT: {
    text: 'プロキシが{seconds}秒以内に待ち受けアドレスで応答しなかったため、終了させました。',
    hint: 'ログを確認してください: `flm proxy logs`',
  },
  PROXY_CONTROL_UNREACHABLE: {
    text: '{id}の制御ソケットが応答しません。',
    hint: 'プロセスが停止している可能性があります。`kill {pid}`で終了させてから、プロキシをもう一度起動してください。',
  },
  PROXY_HAND_OVER_FAILED: {
    text: '新しいプロセスが引き継がなかったため、{id}が処理を続けます: {reason}。',
    hint: '`flm proxy logs {profile}`でログを確認してから、もう一度再起動してください。',
  },
  PROXY_HAND_OVER_TIMEOUT: {
    text: '新しいプロセスが{seconds}秒以内に準備できなかったため終了させました。{id}が処理を続けます。',
    hint: '`flm proxy logs {profile}`でログを確認してから、もう一度再起動してください。',
  },
  PROXY_RESTARTING: {
    text: 'プロキシ{id}は、すでに新しいプロセスへの切り替え中です。',
    hint: '再起動が終わるまで待ってください。進行状況は`flm proxy status`で確認できます。',
  },
  PROXY_DRAINING: {
    text: 'プロキシ{id}は終了処理中のため、再起動できません。',
    hint: '実行中のプロキシは`flm proxy status`で確認できます。このプロキシを終了させるには`flm proxy stop {id}`を実行してください。',
  },
  PROXY_SUPERVISED: {
    text: 'プロキシ{id}は{supervisor}が管理しているため、flmはプロセスを置き換えません。',
    hint: '`{command}`で再起動してください。',
  },
  PROXY_ADDRESS_OVERLAPS: {
    text: '新しいアドレス{address}は、{id}が同じポートで待ち受けている{old}と重なるため、両方のプロセスが同時に待ち受けることはできません。',
    hint: '`flm proxy stop {id}`で停止してから、これらのフラグを付けて起動し直すか（その間は接続を受け付けません）、--portで別のポートを指定してください。',
  },
  PROXY_IN_FOREGROUND: {
    text: 'プロキシ{id}はフォアグラウンドで動作しているため（pid {pid}）、バックグラウンドのプロセスに置き換えられません。',
    hint: 'Ctrl-Cまたは`flm proxy stop {id}`で停止してから、もう一度実行してください。`flm proxy start`で起動したプロキシは再起動できます。',
  },
  PROXY_CERT_FAILED: {
    text: '使用できる証明書がありません: {reason}',
    hint: '{fix}`flm cert show`も確認してください。',
  },
  PROXY_ACME_FAILED: {
    text: 'ACMEサーバーから証明書を取得できませんでした: {reason}。',
    hint: '{fix}`flm proxy logs`も確認してください。',
  },
  PROFILE_NOT_FOUND: {
    text: '{profile}という名前のプロファイルはありません{near}。',
    hint: '`flm profile list`でプロファイルを確認するか、`flm profile save NAME`で保存してください。',
  },
  APPLY_INVALID: {
    text: '設定ファイルが正しくありません: {faults}',
    hint: 'これらの項目を直して、ファイルをもう一度適用してください。何も変更していません。',
  },
  PROFILE_INVALID: {
    text: 'プロファイルが正しくありません: {faults}',
    hint: '上記の項目を修正して、もう一度試してください。何も保存されていません。',
  },
  PROXY_SOCKETS_UNUSABLE: {
    text: 'systemdから渡された待ち受けソケットを使用できません: {reason}。',
    hint: 'TCPソケットだけを渡してください。アドレスごとに`ListenStream=ADDRESS:PORT`を1つ書き、`Accept=yes`は付けません。',
  },
  PROXY_SOCKETS_MISMATCH: {
    text: 'systemdは{passed}の待ち受けソケットを渡しましたが、プロファイル{profile}は{wanted}で待ち受けます。',
    hint: 'ソケットユニットに次の行を書いてください: {lines}。または、プロファイルを変更してください: `flm profile save {profile} --bind ADDRESS --port N`',
  },

  // --- OSのサービス
  SERVICE_UNSUPPORTED: {
    text: 'flmはこの環境にサービスをインストールできません: {reason}。',
    hint: '{instead}',
  },
  SERVICE_NEEDS_ROOT: {
    text: 'システムサービス{unit}を変更できるのはrootだけです。',
    hint: 'sudoを付けてもう一度実行するか、ユーザーのサービスを使ってください: `flm service install --user`',
  },
  SERVICE_NO_USER_MANAGER: {
    text: '{user}のsystemdユーザーマネージャーがありません: {reason}。',
    hint: 'このユーザーでログインするか（suやsudoではなく）、システムサービスをインストールしてください: `sudo flm service install`',
  },
  SERVICE_NOT_INSTALLED: {
    text: '{kind}サービス{unit}はありません。',
    hint: '`flm service install`でインストールしてください。マシン全体には`sudo flm service install`を使います。',
  },
  SERVICE_UNIT_DIFFERS: {
    text: 'ユニット{file}はすでに存在し、書き込む内容と異なります: {reason}。',
    hint: '上書きするには--replaceを付けてください。systemdでは、独自の変更をドロップインに書きます: `systemctl edit {unit}`',
  },
  SERVICE_UNIT_PACKAGED: {
    text: 'ユニット{file}は、インストール済みのパッケージのものです。',
    hint: 'ブート時に起動するには`sudo systemctl enable --now {unit}`を実行してください。削除はパッケージマネージャーで行います（`sudo apt remove flm-proxy`）。',
  },
  SERVICE_FOLDER_UNFIT: {
    text: 'サービスはデータフォルダー{folder}を使用できません: {reason}。',
    hint: 'FLM_HOMEで空のフォルダーを指定するか、--account NAMEでこのフォルダーの所有者を指定してください。flmのデータだけが入っている場合は、サービスに渡せます: `sudo chown -R {account}: {path} && sudo chmod 700 {path}`',
  },
  SERVICE_ACCOUNT_UNFIT: {
    text: 'サービスはユーザー{account}で実行できません: {reason}。',
    hint: '--account NAMEで別のシステムユーザーを指定してください。存在しないユーザーはflmが作成します。',
  },
  SERVICE_PROGRAM_UNREADABLE: {
    text: 'システムサービスはこのflmを実行できません: {path}は{reason}。',
    hint: '全ユーザー向けにflmをインストールするか（例: `sudo npm install -g flm-proxy`）、ユーザーのサービスを使ってください: `flm service install --user`',
  },
  SERVICE_PROXY_RUNNING: {
    text: '次のプロキシが実行中のため、続行できません: {proxies}。',
    hint: '--stopを付けるとflmが停止します（実行中の応答は完了します）。自分で停止する場合: `flm proxy stop`',
  },
  SERVICE_STEP_FAILED: {
    text: 'サービスの変更は途中で終わりました。{command}が失敗しました: {reason}。',
    hint: '原因を解消してからもう一度実行するか、`flm service uninstall`ですべて元に戻してください。',
  },
  SERVICE_START_FAILED: {
    text: 'サービス{unit}はインストールされましたが、起動しませんでした: {reason}。',
    hint: '`flm service logs`を確認してから、`{start}`で起動するか、`flm service uninstall`で削除してください。',
  },

  // --- 証明書
  CERT_NAME_NOT_PERMITTED: {
    text: 'ローカルCAは{name}の証明書に署名できません。',
    hint: '`flm cert authority renew --permit {name}`で、この名前を許可するCAを作成してください。その後、各デバイスで新しいCAを信頼する必要があります: `flm cert trust`',
  },
  CERT_NAME_INVALID: {
    text: '証明書に名前{name}を含めることはできません。',
    hint: 'llm.lanのようなホスト名か、IPアドレスを指定してください。',
  },
  CERT_AUTHORITY_UNUSABLE: {
    text: 'ローカルCAを使用できません: {file}は{reason}。',
    hint: '`flm cert authority renew`で新しいCAを作成してください。その後、各デバイスで信頼する必要があります: `flm cert trust`',
  },
  CERT_AUTHORITY_ABSENT: {
    text: 'ローカルCAはまだありません。',
    hint: '`flm cert trust`で作成するか、`flm proxy start --mode dev-selfsigned`でプロキシを起動してください。',
  },
  CERT_STORE_FAILED: {
    text: '{file}の証明書を読み書きできません: {reason}。',
    hint: '原因を解消してから、もう一度試してください。既存のファイルは変更されていません。',
  },
  CERT_LOCKED: {
    text: '別のプロセスが証明書{name}を長時間ロックしています。',
    hint: '応答しないflmのプロセスを探し（`ps aux | grep flm`）、終了させてから、もう一度試してください。',
  },
  CERT_CLIENT_CA_INVALID: {
    text: 'クライアントCA {file}を使用できません: {reason}。',
    hint: '--client-caには、PEM形式のCA証明書を1つ以上含むファイルを指定してください。',
  },
  CERT_EXPORT_FAILED: {
    text: '証明書を{file}に保存できません: {reason}。',
    hint: '書き込めるファイルを指定するか、ファイルを省略して証明書を表示してください。',
  },
  CERT_TRUST_FAILED: {
    text: '{place}では、ローカルCAの信頼を変更できませんでした: {reason}。',
    hint: '原因を解消してから、`flm cert trust`をもう一度実行してください。手動で行う場合は、`flm cert export FILE`で証明書を保存します。',
  },

  // --- 管理者が扱うキー、ポリシー、エンジン
  KEY_NOT_FOUND: {
    text: 'キー{key}はありません{near}。',
    hint: '`flm key list`でキーを確認してください。',
  },
  KEY_AMBIGUOUS: {
    text: 'ラベル{key}のキーが複数あります: {candidates}。',
    hint: 'いずれかのIDを指定してください。',
  },
  KEY_INVALID: {
    text: 'キーの設定が正しくありません: {faults}',
    hint: '上記の項目を修正して、もう一度試してください。キーは作成も変更もされていません。',
  },
  KEY_TABLE_INVALID: {
    text: 'キーの表が正しくありません: {faults}',
    hint: '上記の行を修正してから、ファイルをもう一度取り込んでください。キーは作成されていません。',
  },
  SHARE_NOT_FOUND: {
    text: '共有{share}はありません{near}。',
    hint: '`flm share list`で共有を確認してください。',
  },
  SHARE_HAS_KEY: {
    text: '共有{share}は使用済みで、キー{key}が作成されています。',
    hint: 'キーを失効させてください: `flm key revoke {key}`',
  },
  SHARE_CLEAR_TEXT: {
    text: 'プロキシ{id}はネットワークに暗号化なしのHTTPで公開されているため、新しいキーを他者に読み取られるおそれがあります。',
    hint: 'HTTPSで再起動してください: `flm proxy restart {profile} --mode dev-selfsigned`。手前にHTTPSのサーバーがある場合は、--url https://NAMEで指定してください。',
  },
  POLICY_INVALID: {
    text: 'ポリシーが正しくありません: {faults}',
    hint: '上記の項目を修正して、もう一度試してください。現在のポリシーが引き続き適用されます。',
  },
  POLICY_NEEDS_CONFIRMATION: {
    text: 'このポリシーは{reason}を拒否します。',
    hint: 'それでも適用する場合は、--yesを付けてもう一度実行してください。',
  },
  ENGINE_INVALID: {
    text: 'エンジンの設定が正しくありません: {faults}',
    hint: '上記の項目を修正して、もう一度試してください。何も保存されていません。',
  },
  ENGINE_NOT_FOUND: {
    text: 'エンジン{engine}はありません{near}。',
    hint: '`flm engine list`でエンジンを確認するか（保存されているものは登録元の列で分かります）、`flm engine detect`で動作中のエンジンを検出してください。',
  },
  ENGINE_UNRECOGNISED: {
    text: '{url}はLLMエンジンのようには応答しません: {reason}。',
    hint: 'アドレスとポートを確認してください。このマシンで動作しているエンジンは`flm engine detect`で確認できます。',
  },
  ALIAS_INVALID: {
    text: '別名が正しくありません: {faults}',
    hint: '`flm model list`にあるモデルを指定してください。',
  },
  ALIAS_NOT_FOUND: {
    text: '別名{alias}はありません{near}。',
    hint: '`flm model list`で別名を確認してください。',
  },
  EXPLAIN_UNKNOWN: {
    text: '{name}というエラーコードも、記録された拒否もありません{near}。',
    hint: 'エラーコードの一覧はdocs/errors.mdにあります。実行中のプロキシは直近2,000件の拒否を記録しています。それより古いものはログにあります: `flm proxy logs`',
  },
  FILE_UNUSABLE: {
    text: 'ファイル{file}を{done}できません: {reason}。',
    hint: 'ファイルのパスと権限を確認してください。何も変更されていません。',
  },
  SYSTEM_REFUSED: {
    text: 'システムが処理を拒否しました（{what}）: {reason}（{errno}）。',
    hint: '{advice}',
  },
  USAGE: { text: '{message}', hint: '`flm{command} --help`を参照してください。' },

  // --- クライアントとしてのチャット
  CHAT_REFUSED: {
    text: '{message}',
    hint: '詳しくは`flm explain {request}`を実行してください。',
  },
  CHAT_CUT: {
    text: '応答が途中で切れました: {reason}。',
    hint: '`flm proxy status`とエンジンのログを確認してから、もう一度質問してください。',
  },
  CHAT_NO_CERTIFICATE: {
    text: 'このプロキシには、{file}が発行したクライアント証明書が必要です。',
    hint: 'クライアント証明書を指定してください: `flm chat --client-cert FILE --client-key FILE`',
  },
  CHAT_NO_MODEL: {
    text: 'このプロキシで使えるモデルがありません。',
    hint: 'エンジンを起動するか、動作中のエンジンにモデルを読み込んでください。エンジンは`flm proxy status`で確認できます。',
  },

  // --- データベース
  STORE_BUSY: {
    text: 'データベース{file}は別のプログラムがロックしています。',
    hint: 'もう一度試してください。ロックが続く場合は、開いているプログラムを調べてください: `lsof {path}`',
  },
  STORE_FULL: {
    text: '{file}があるディスクに空き容量がありません。ファイルは変更されていません。',
    hint: 'ディスクの空き容量を増やして、もう一度試してください。',
  },
  STORE_READ_ONLY: {
    text: 'データベース{file}に書き込めません: {reason}。',
    hint: 'ファイルを書き込み可能にして、もう一度試してください。それまでは読み取りのほか、`flm proxy stop`と`flm key revoke KEY`を実行できます。',
  },
  STORE_CORRUPT: {
    text: 'データベース{file}が破損しています（{reason}）。ファイルは変更されていません。',
    hint: '{backups}のバックアップから復元するか、`sqlite3 {path} .recover`を試してください。',
  },
  STORE_NEWER: {
    text: 'データベース{file}は、より新しいflmで書き込まれています（スキーマ{found}、このflmは{known}まで対応）。',
    hint: 'flmを更新してください。`flm proxy stop --all`を実行し、新しいバージョンをインストールしてから、`flm proxy start`を実行します。または、FLM_HOMEに別のフォルダーを指定してください。',
  },
  STORE_NETWORK_FS: {
    text: 'フォルダー{folder}はネットワークファイルシステム（{type}）上にあり、SQLiteが安全にロックできません。',
    hint: 'FLM_HOMEにローカルディスクのフォルダーを指定してください。',
  },
  STORE_UNUSABLE: {
    text: 'データベース{file}を使用できません: {reason}。',
    hint: 'フォルダーが存在すること、ディスクが正常であること、このユーザーが所有していることを確認してください。',
  },
  STORE_SETTINGS_INVALID: {
    text: '共有ストアの設定が正しくありません: {faults}',
    hint: '上記の環境変数を修正して、もう一度試してください。説明はdocs/operations.mdにあります。',
  },
  STORE_UNREACHABLE: {
    text: 'データベース{database}に接続できません: {reason}。何も変更されていません。',
    hint: 'PostgreSQLが動作していて、このマシンから接続できることを確認してください: `flm db status`',
  },
  STORE_OUTCOME_UNKNOWN: {
    text: 'データベース{database}が変更を確定する前に、接続が切れました: {reason}。',
    hint: '変更が保存されたかどうかは不明です。繰り返す前に確認してください。',
  },
  STORE_REFUSED: {
    text: 'データベース{database}が拒否しました: {reason}。',
    hint: 'FLM_DATABASE_URLのユーザー、パスワード、権限を確認してください: `flm db status`',
  },
  STORE_ROW_INVALID: {
    text: 'データベース{database}に、flmが読み取れない行があります: {reason}。',
    hint: 'データベースのバックアップを復元するか、手で編集した行を修正してください。',
  },
  STORE_NOT_EMPTY: {
    text: 'データベース{database}は空ではありません。{content}が保存されています。',
    hint: '--replaceを付けるとすべて上書きします。または、別のデータベースを指定してください。',
  },
  STORE_COPY_REFUSED: {
    text: '何もコピーしませんでした: {reason}。',
    hint: '`flm proxy stop --all`でこのマシンのプロキシを停止してください。PostgreSQLのデータベースはFLM_DATABASE_URLで指定します。',
  },
  STORE_KEY_UNUSABLE: {
    text: 'ストアキー{file}を使用できません: {reason}。',
    hint: 'すべてのノードに同じファイルが必要です。`flm db key create FILE`で1回だけ作成し、各ノードにコピーして、FLM_STORE_KEY_FILEを設定してください。',
  },
  BACKUP_UNREADABLE: {
    text: 'バックアップ{file}を使用できません: {reason}。',
    hint: '別のバックアップを選んでください。このマシンのバックアップは`flm backup list`で表示できます。`flm backup verify FILE`で確認できます。',
  },
  BACKUP_NEWER: {
    text: 'バックアップ{file}は、より新しいflm（{flm}）で作成されています。',
    hint: 'そのバージョン以降をインストールしてください: `flm upgrade`',
  },
  BACKUP_LOCKED: {
    text: 'バックアップ{file}を復号できません: {reason}。',
    hint: '--passphrase-file FILEでパスフレーズを、または--identity FILEでageの秘密鍵を指定してください。',
  },
  BACKUP_NO_SPACE: {
    text: 'バックアップ{file}には{folder}に{needed}MBの空き容量が必要ですが、空きは{free}MBです。',
    hint: '空き容量を増やして、もう一度試してください。`df -h`で空きのないディスクを確認できます。',
  },
  BACKUP_FAILED: {
    text: 'バックアップ{file}を書き込めませんでした: {reason}。',
    hint: '以前のバックアップはそのままです。--to FOLDERで別のフォルダーを指定するか、空き容量を増やしてください。',
  },
  BACKUP_RUNNING: {
    text: '{home}の別のバックアップを書き込んでいます。',
    hint: '終わるのを待って、もう一度コマンドを実行してください。',
  },
  RESTORE_REFUSED: {
    text: '何も復元しませんでした: {reason}。',
    hint: 'データベースを共有するすべてのマシンで、`flm proxy stop --all`によりすべてのプロキシを停止し、もう一度コマンドを実行してください。',
  },
  RESTORE_UNSURE: {
    text: '何も復元しませんでした。現在のデータベースを読み取れないため、バックアップ以降に失効したキーがわかりません（{reason}）。',
    hint: '--revive-keysを付けると、バックアップのすべてのキーを復元します。使えてはならないキーは、もう一度失効させてください。',
  },
  RESTORE_RUNNING: {
    text: '復元が{home}のデータを置き換えています。',
    hint: '終わるのを待って、もう一度コマンドを実行してください。',
  },
  HOME_UNSAFE: {
    text: 'フォルダー{folder}は安全ではありません: {reason}。',
    hint: 'flmだけが使うフォルダーなら、このユーザーだけがアクセスできるようにしてください: `chown "$USER" {path} && chmod 700 {path}`。そうでなければ、FLM_HOMEに別のフォルダーを指定してください。',
  },
  INTERNAL: {
    text: 'flmで内部エラーが発生しました。',
    hint: 'もう一度試してください。再び発生する場合は、リクエストIDとログを添えて報告してください。',
  },

  // --- プログラムの更新
  UPGRADE_NOT_SIGNED: {
    text: '{file}の有効な署名が見つかりません: {reason}。',
    hint: '同じリリースのSHA256SUMSとSHA256SUMS.sigを、公開されたままの形でファイルと同じ場所に置いてください。',
  },
  UPGRADE_NO_KEY: {
    text: 'このflmはリリース用の鍵なしでビルドされているため、{file}の署名を検証できません。',
    hint: 'ファイルのSHA-256を信頼できる値と比べてから、指定してください: flm upgrade --to {file} --sha256 HEX',
  },
  UPGRADE_WRONG_BYTES: {
    text: '{file}のSHA-256が{where}の値と異なります: {hash}。',
    hint: 'ファイルが破損しているか、別のファイルです。入手し直してください。何も変更されていません。',
  },
  UPGRADE_WRONG_FILE: {
    text: '{file}は{reason}。',
    hint: 'この環境に別のバージョンをインストールするコマンドは`flm upgrade`で確認できます。すべての方法はdocs/install.mdにあります。',
  },
  UPGRADE_RUNNING: {
    text: '{target}は別の更新処理中です。',
    hint: '終わるまで待ってください。更新処理が動いていない場合は、{lock}を削除してからもう一度試してください。',
  },
  UPGRADE_DATABASE: {
    text: 'flm {version}は、このflmのデータベースを使用できません: {reason}',
    hint: '何も変更されていません。それでも前のバージョンに戻す場合は、flmを停止し、docs/install.mdの手順でバックアップを復元してください。',
  },
  UPGRADE_NOT_HANDED_OVER: {
    text: '{id}は新しいバージョンに引き継がれず、処理を続けます: {reason}{moved}',
    hint: '以前のプログラムに戻しました。`flm proxy logs`を確認するか、プロキシを停止してから起動してください。',
  },

  // --- 管理API
  ADMIN_PATH_UNKNOWN: {
    text: '{path}には何もありません。',
    hint: '管理APIのリファレンスを参照してください。キーにはスコープ`admin`または`admin:read`が必要です。',
  },
  REQUEST_NOT_RUNNING: {
    text: 'IDが{id}のリクエストは実行中ではありません。',
    hint: 'すでに終了した可能性があります。実行中のリクエストは`flm requests`で確認できます。',
  },
  ADMIN_INPUT_INVALID: {
    text: '指定した内容が正しくありません: {faults}',
    hint: '上記の項目を修正してください。何も変更されていません。',
  },
  ADMIN_CHANGED_MEANWHILE: {
    text: '読み取ったあとに、ほかの人が内容を変更しました。',
    hint: 'もう一度読み取り、新しい`ETag`を`If-Match`に指定して変更し直してください。',
  },
  ADMIN_SESSION_ENDED: {
    text: 'このセッションは終了したか、サインイン用のリンクがすでに使用されています。',
    hint: '`flm ui`をもう一度実行してください。',
  },
  ADMIN_CROSS_ORIGIN: {
    text: 'このリクエストは、このサーバーのページから送られたものではありません。',
    hint: '新しいブラウザーで、`flm ui`からダッシュボードを開いてください。プログラムはAPIキーを使います。',
  },
  ADMIN_FORWARDED: {
    text: 'このリクエストは別のプロキシを経由しています（ヘッダー{header}）。',
    hint: 'プロキシを経由せずに、このマシンの`flm ui`でダッシュボードを開いてください。',
  },
  LOCAL_ONLY: {
    text: '管理APIでは次の設定を変更できません: {fields}。これらは、このマシンのファイル、プログラム、環境変数、待ち受けアドレスを指定するものです。',
    hint: 'このマシンで変更してください: `{command}`',
  },
  IDEMPOTENCY_KEY_REUSED: {
    text: 'このIdempotency-Keyは、以前に別のリクエストで使われています。',
    hint: '新しいリクエストには新しいIdempotency-Keyを使ってください。',
  },

  // --- リクエストになる前の拒否
  REQUEST_MALFORMED: {
    text: 'リクエストは正しいHTTP/1.1ではありません: {reason}。',
    hint: '通常のHTTP/1.1リクエストを送信してください。',
  },
  REQUEST_TIMEOUT: {
    text: 'リクエストが時間内に届きませんでした。',
    hint: 'リクエスト全体を、長く途切れずに送信してください。',
  },
  BODY_TOO_LARGE: {
    text: 'リクエスト本文が{limit}バイトを超えています。',
    hint: '本文を小さくするか、プロファイルのmaxBodyBytesを大きくしてください。',
  },
  HEADER_INVALID: {
    text: 'ヘッダー{name}が正しくありません: {why}。',
    hint: '1回だけ、1024バイト以下で送信してください。',
  },
  UPGRADE_REQUIRED: {
    text: 'このプロキシはWebSocketに対応していません。',
    hint: '通常のHTTP/1.1でリクエストを送信してください。Codexではsupports_websockets = falseを設定します。',
  },
  EXPECTATION_FAILED: {
    text: 'Expectヘッダーの要求にflmは対応していません。',
    hint: 'Expectヘッダーを外してください。',
  },
  HOST_MISDIRECTED: {
    text: 'このプロキシは、リクエストに書かれたホストには応答しません。',
    hint: 'この名前を使うには、--public-host {name}を付けてプロキシを起動してください。',
  },
  HEAD_TOO_LARGE: {
    text: 'リクエストヘッダー全体が大きすぎます。',
    hint: 'ヘッダーの数を減らすか、短くしてください。',
  },
  PLAIN_ON_TLS: {
    text: 'このポートにはHTTPSが必要ですが、暗号化なしのHTTPのリクエストが届きました{exposed}。',
    hint: 'ベースURLには{url}を使ってください。',
  },
  TLS_HANDSHAKE_FAILED: {
    text: 'TLSハンドシェイクに失敗しました: {reason}。',
    hint: 'クライアントにはTLS 1.2以降と、証明書への信頼（`flm cert show`）が必要です。--client-caを使う場合は、そのCAの証明書も必要です。',
  },
  TRANSFER_CODING_UNSUPPORTED: {
    text: '対応している転送符号化は「chunked」だけです。',
    hint: 'Content-Length、または「Transfer-Encoding: chunked」だけを送信してください。',
  },
  HTTP_VERSION_UNSUPPORTED: {
    text: '対応しているのはHTTP/1.1とHTTP/1.0だけです。',
    hint: 'HTTP/1.1を使ってください。',
  },
  CONNECTIONS_EXHAUSTED: {
    text: '開いている接続が多すぎます。',
    hint: '使っていない接続を閉じるか、少し待ってからもう一度試してください。',
  },
  STREAMS_EXHAUSTED: {
    text: '処理中の応答が多すぎます。',
    hint: '少し待ってからもう一度試してください。',
  },
  LIMITER_AWAY: {
    text: '全ノードの制限を計数するサーバーが応答しないため、リクエストを通せません。',
    hint: '少し待ってからもう一度試してください。',
  },
  DRAINING: {
    text: 'プロキシは終了処理中です。',
    hint: '少し待ってからもう一度試してください。',
  },

  // --- 認証、ポリシー、ルーター
  AUTH_MISSING: {
    text: '有効なAPIキーがありません。',
    hint: '「Authorization: Bearer KEY」の形でキーを送信してください。キーは`flm key create LABEL`で作成できます。',
  },
  AUTH_CONFLICT: {
    text: 'リクエストに複数の認証情報が含まれています。',
    hint: 'キーを1つだけ、1つのヘッダーで送信してください。',
  },
  AUTH_REVOKED: { text: 'このAPIキーは失効しています。', hint: '新しいキーを依頼してください。' },
  AUTH_EXPIRED: {
    text: 'このAPIキーは有効期限が切れています。',
    hint: '新しいキーを依頼してください。',
  },
  AUTH_PAUSED: {
    text: 'このAPIキーは一時停止中です。',
    hint: 'キーの発行者に再開を依頼してください: `flm key resume {key}`',
  },
  KEYS_OUTDATED: {
    text: 'このプロキシは長時間データベースを読み取れていないため、保存されたキーを受け付けません。',
    hint: 'しばらく待ってからもう一度試してください。マシン上では`flm proxy status`と`flm db status`を実行します。',
  },
  AUTH_THROTTLED: {
    text: 'このアドレスからの認証の失敗が多すぎます。',
    hint: 'Retry-Afterヘッダーの時間だけ待ってから、有効なキーを使ってください。',
  },
  SHARE_UNKNOWN: {
    text: 'このリンクは無効です。',
    hint: 'リンク全体をコピーし直すか、新しいリンクを依頼してください。',
  },
  SHARE_REDEEMED: {
    text: 'このリンクはすでに使用されています。リンクは1回だけ有効です。',
    hint: '心当たりがない場合は、送信者に伝えてキーを失効させてもらい、新しいリンクを依頼してください。',
  },
  SHARE_EXPIRED: {
    text: 'このリンクは有効期限が切れています。',
    hint: '新しいリンクを依頼してください。',
  },
  SHARE_REVOKED: { text: 'このリンクは取り消されました。', hint: '送信者に問い合わせてください。' },
  SHARE_INSECURE: {
    text: 'ネットワーク上で読み取られるおそれがあるため、キーはHTTPSでのみ受け取れます。',
    hint: 'https://でリンクを開くか、プロキシのマシン上で開いてください。',
  },
  SHARE_UNAVAILABLE: {
    text: '現在、キーを作成できません。',
    hint: '少し待ってからもう一度試してください。リンクは引き続き有効です。',
  },
  ADDRESS_DENIED: {
    text: 'ポリシーはこのアドレスを許可していません。',
    hint: '管理者に問い合わせてください。ルールは`flm policy show`で確認できます。',
  },
  KEY_ADDRESS_DENIED: {
    text: 'このキーは、このアドレスからは使用できません。',
    hint: 'キーが許可しているアドレスから使用してください。',
  },
  ORIGIN_DENIED: {
    text: 'ポリシーはこのオリジンを許可していません{never}。',
    hint: '`flm policy set --allow-origin {origin}`で許可してください。',
  },
  RATE_LIMITED: {
    text: '{whose}リクエストのレート制限に達しました。',
    hint: 'Retry-Afterヘッダーの時間だけ待ってください。',
  },
  TOKENS_LIMITED: {
    text: 'キーのトークンの上限（{span}{limit}トークン）に達しました。',
    hint: 'Retry-Afterヘッダーの時間だけ待ってください。',
  },
  CONCURRENCY_LIMITED: {
    text: 'キーの同時リクエスト数が上限（{limit}件）に達しました。',
    hint: 'いずれかが終わるまで待ってください。',
  },
  QUEUE_FULL: {
    text: 'エンジンが混雑していて、待っているリクエストが多すぎます。',
    hint: 'Retry-Afterヘッダーの時間だけ待ってから、もう一度試してください。',
  },
  ROUTE_UNKNOWN: {
    text: 'このパスには何もありません{meant}。',
    hint: '{clients}クライアントのベースURLは{base}です。',
  },
  PATH_DOUBLED_SLASH: {
    text: 'パスにスラッシュが連続しています{meant}。',
    hint: '{clients}クライアントのベースURLは{base}です。末尾のスラッシュは不要です。',
  },
  METHOD_NOT_ALLOWED: {
    text: 'このパスではそのメソッドを使用できません。',
    hint: 'Allowヘッダーにあるメソッドを使ってください。',
  },

  // --- 本文、モデル、アクセス権
  BODY_INVALID: {
    text: 'リクエスト本文を使用できません: {reason}。',
    hint: 'APIリファレンスのとおりに、{form}を送信してください。',
  },
  BODY_CODED: {
    text: 'リクエスト本文の符号化方式にflmは対応していません。',
    hint: '本文を圧縮せずに送信するか、Content-Encodingにgzipかzstdを1つだけ指定してください。',
  },
  BODY_CODING_INVALID: {
    text: '圧縮されたリクエスト本文を使用できません: {reason}。',
    hint: '余分なデータを付けずに本文全体を送信するか、Content-Encodingを外してください。',
  },
  BODY_EXPANDS: {
    text: '圧縮されたリクエスト本文を展開すると、元の大きさの{ratio}倍を超えます。',
    hint: 'Content-Encodingなしで本文を送信してください。',
  },
  BODY_TYPE_UNSUPPORTED: {
    text: 'このパスはそのContent-Typeを受け付けません。',
    hint: '{expected}を送信してください。',
  },
  BODIES_EXHAUSTED: {
    text: 'メモリー上で処理を待っているリクエスト本文が多すぎます。',
    hint: '少し待ってからもう一度試してください。',
  },
  SCOPE_MISSING: {
    text: 'このリクエストには、スコープ{scope}を持つキーが必要です。',
    hint: '`flm key create LABEL --scope {scope}`で作成してください。',
  },
  ENDPOINT_DENIED: {
    text: 'このキーはエンドポイント{route}を使用できません。',
    hint: '別のキーを使うか、`flm key create LABEL --endpoint {route}`で作成してください。',
  },
  HAZARD_REFUSED: {
    text: 'このリクエストの処理（{hazard}）は、このキーには許可されていません。',
    hint: 'スコープengine:adminを持つキーを使ってください。',
  },
  MODEL_REQUIRED: {
    text: 'リクエストにモデルの指定がなく、使用できるモデルが複数あります。',
    hint: 'modelに次のいずれかを指定してください: {models}。',
  },
  MODEL_UNKNOWN: {
    text: 'モデル{model}はありません{near}。',
    hint: 'このキーで使えるモデルはGET /v1/modelsで確認できます。',
  },
  MODEL_DENIED: {
    text: 'このキーで使えるモデルはありません。',
    hint: 'モデルを使えるキーを依頼してください。',
  },
  ROUTE_UNSUPPORTED: {
    text: 'このモデルのエンジンはいずれも{route}に対応していません（{engines}）。',
    hint: '別のルートを使うか、このルートに対応したエンジンのモデルを使ってください。',
  },
  ENGINE_UNKNOWN: {
    text: 'その名前のエンジンはありません。',
    hint: '各モデルのエンジンはGET /v1/modelsで確認できます。',
  },
  REQUEST_UNKNOWN: { text: 'そのIDのものはありません。', hint: 'IDを確認してください。' },

  // --- エンジン
  ENGINE_NONE: {
    text: 'エンジンがまだ見つかっていません。',
    hint: 'エンジンを起動するか、`flm engine add URL`で追加してください。',
  },
  ENGINE_DOWN: {
    text: 'このモデルを持つエンジンは動作していません。',
    hint: 'エンジンを起動してください。flmが自動的に検出します。',
  },
  ENGINE_CONNECT_FAILED: {
    text: 'エンジンに接続できません。',
    hint: 'エンジンがそのアドレスで動作しているか確認してください: `flm engine list`',
  },
  ENGINE_RESET: {
    text: 'エンジンが応答する前に接続を閉じました。',
    hint: 'エンジンのログを確認してください。メモリー不足の可能性があります。',
  },
  ENGINE_PROTOCOL: {
    text: 'エンジンが正しくないHTTPを送信しました。',
    hint: 'アドレスがLLMエンジンのものか確認してください: `flm engine test ID`',
  },
  ENGINE_REDIRECTED: {
    text: 'エンジンがリダイレクトを返しました。flmはリダイレクトに従いません。',
    hint: '最終的なアドレスを設定してください: `flm engine set ID --url URL`',
  },
  ENGINE_CODED_STREAM: {
    text: 'flmは圧縮なしを要求しましたが、エンジンがイベントストリームを圧縮しました。',
    hint: 'エンジンの手前にあるサーバーの圧縮を無効にしてください。',
  },
  ENGINE_TIMEOUT: {
    text: 'エンジンが時間内に応答しませんでした。',
    hint: 'モデルを読み込み中の可能性があるため、もう一度試してください。遅いモデルでは、プロファイルのfirstByteTimeoutMsを大きくしてください。',
  },
  ENGINE_CUT: {
    text: 'エンジンの応答が途中で終わりました。',
    hint: 'エンジンのログを確認してから、リクエストをもう一度送信してください。',
  },
  ENGINE_STALLED: {
    text: 'エンジンが応答の途中で送信を止めました。',
    hint: 'エンジンのログを確認してから、リクエストをもう一度送信してください。',
  },

  // --- プロキシまたはクライアントがリクエストを終了
  SHUT_DOWN: {
    text: '応答が完了する前にプロキシが停止しました。',
    hint: '少し待ってからリクエストをもう一度送信してください。',
  },
  KEY_ENDED: {
    text: '応答の途中でAPIキーが失効したか、有効期限が切れました。',
    hint: '新しいキーを依頼してください。',
  },
  REQUEST_CANCELLED: {
    text: '管理者がこのリクエストを中止しました。',
    hint: 'もう一度送信する前に、管理者に理由を問い合わせてください。',
  },
  CLIENT_GONE: {
    text: '応答が完了する前にクライアントが切断しました。',
    hint: '対応は不要です。',
  },
  CLIENT_STALLED: {
    text: 'クライアントが応答の読み取りを止めました。',
    hint: '応答をより速く読み取るか、プロファイルのwriteStallMsを大きくしてください。',
  },
};
