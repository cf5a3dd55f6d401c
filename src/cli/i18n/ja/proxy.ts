import type { CliCatalogue } from '../catalogue.ts';

/** Texts of `flm proxy`, and of the start of a proxy. */
export const proxy: CliCatalogue['proxy'] = {
  about: {
    proxy: 'プロキシの起動、停止、状態の表示を行います',
    start: 'プロキシをバックグラウンドで起動し、応答するまで待ちます',
    stop: '実行中の応答が終わるのを待って、プロキシを停止します',
    restart:
      'プロキシを新しいプロセスに置き換えます。以前のフラグに、ここで指定したフラグを加えます。接続は拒否されません。古いプロセスは応答を最後まで返します（--graceを指定しない限り、時間の制限はありません）',
    status: '実行中のプロキシの一覧、または1つの詳細を、プロセスに問い合わせて表示します',
    logs: 'プロキシのログを表示します。ターミナルでは読みやすい形式、それ以外ではJSON Linesです',
    run: 'プロキシをフォアグラウンドで実行します（systemd、コンテナー向け）。ログはJSON Linesで書きます',
  },
  options: {
    profile: '保存済みのプロファイル',
    proxy: 'IDまたはプロファイル。実行中のプロキシが1つなら省略可',
    proxyOrAll: 'IDまたはプロファイル。既定ではすべて',
    proxyOrProfile: 'IDまたはプロファイル',
    save: 'これらのフラグをプロファイルに保存します',
    logTo: 'ログを書く標準ストリーム。指定しなければstderr',
    all: 'すべてのプロキシを停止します',
    grace: '実行中の応答が終わるのを待つ時間。既定ではプロキシの起動時の値',
    watch: 'Ctrl-Cを押すまで2秒ごとに更新します',
    check: 'プロキシがリクエストを処理できる場合にだけ0で終了します（ヘルスチェック用）',
    fleet: 'データベースを共有するすべてのマシンのプロキシを、ハートビートから表示します',
    lines: '末尾から表示する行数',
    follow: 'Ctrl-Cを押すまで新しい行を表示します',
  },
  oneOrAll: 'プロキシの名前と--allは、どちらか一方だけを指定してください。',
  logOrJson: '--log-to stdoutでは標準出力にログを書くため、--jsonは使えません。',
  firstAdminKey: {
    made: (id) => `FLM_ADMIN_KEY_FILEから管理者キー${id}を作成しました。`,
    revoked: (id) =>
      `FLM_ADMIN_KEY_FILEの管理者キー（${id}）は失効済みのため、作成し直しません。ファイルに新しいシークレットを書いてください。`,
  },
  badLines: '--linesには行数を指定してください。',
  badGrace: '--graceには0から3600までの秒数を指定してください。',
  done: { started: '起動しました。', restarted: '再起動しました。', running: '実行中です。' },
  stopped: (id, profile, seconds) => `${id}（プロファイル${profile}）を停止しました（${seconds}秒）。`,
  stoppedWithCuts: (id, profile, seconds, cut, running) =>
    `${id}（プロファイル${profile}）を停止しました（${seconds}秒）。猶予時間内に終わらなかったため、${running}件の応答のうち${cut}件を打ち切りました。`,
  noneRuns: '実行中のプロキシはありません。',
  draining: (id) =>
    `${id}は、残りの応答を返し終えると終了します。すぐに終了するには\`flm proxy stop ${id}\`を実行してください。`,
  forgottenRevocation: (key) =>
    `キー${key}の失効はプロキシのメモリーだけに記録されていたため、次に起動すると再び有効になります。データベースに書き込めるようになったら、\`flm key revoke ${key}\`を実行してください。`,
  noLog: (path) => `ログ${path}はまだありません。`,
  stopping:
    '停止しています。実行中の応答が終わるのを待っています。すぐに終了するには、もう一度Ctrl-Cを押してください。',
  crash: {
    state: '異常終了',
    ended: (proxy, facts) => `${proxy}（${facts}）`,
    facts: (profile, pid, started) => `プロファイル${profile}、pid ${pid}、${started}に起動`,
    lastLine: (at, profile, log) =>
      `ログの最後の行は${at}のものです。\`flm proxy logs ${profile}\`で確認できます（${log}）。`,
    noLog: 'ログは標準エラー出力に書かれました。',
    clear: (profile) =>
      `このプロファイルを次に起動すると、この表示は消えます: \`flm proxy start ${profile}\``,
  },
};
