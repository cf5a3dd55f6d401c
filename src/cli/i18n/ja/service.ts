import type { CliCatalogue } from '../catalogue.ts';

/** Texts of `flm service`. */
export const service: CliCatalogue['service'] = {
  about: {
    service: 'プロキシをシステムのサービスとして実行します（マシンの起動時に開始）',
    install:
      'systemdのサービス（macOSではlaunchd。未検証）をインストールして開始します。rootで実行するとマシン全体、それ以外では自分のユーザーのサービスになります',
    uninstall: 'サービスを停止して削除します。--dataを指定しない限り、データは残ります',
    status: 'サービスの状態と、プロキシ自身が報告する状態を表示します',
    logs: 'サービスのログを表示します（journalから。macOSではファイルから）',
  },
  options: {
    profileToRun: 'サービスが使うプロファイル',
    profile: 'サービスのプロファイル',
    account: 'システムのサービスを実行するシステムユーザー。存在しない場合は作成します',
    copyData: 'sudoで実行したとき、自分のキー、プロファイル、証明書をサービスにコピーします',
    socket: 'systemdが待ち受けソケットを開きます。1024未満のポートでは常に必要です（macOSを除く）',
    noSocket: 'プロキシ自身がソケットを開きます',
    stop: '競合するプロキシを停止します',
    replace: '内容が異なるユニットを上書きします',
    dryRun: '実行する内容だけを表示し、何も変更しません',
    yes: '確認せずに実行します',
    data: 'データフォルダーと、システムのサービスのユーザーも削除します',
    lines: '末尾から表示する行数',
    follow: 'Ctrl-Cを押すまで表示を続けます',
    system: 'マシン全体のサービス（rootが必要）。rootで実行した場合の既定値',
    user: '自分のユーザーのサービス。root以外で実行した場合の既定値',
  },
  badLines: '--linesには行数を指定してください。',
  oneKind: '--systemと--userは、どちらか一方だけを指定してください。',
  nothingToCopy:
    'コピーするものがありません。--copy-dataを使えるのは、システムのサービスにまだデータがなく、flmのデータを持つユーザーがsudoで実行した場合だけです。',
  copyQuestion: (user, folder) =>
    `${user}のキー、プロファイル、証明書が${folder}にあります。サービスにコピーしますか？ [Y/n] `,
  notCopied: (user, folder) =>
    `${user}のキー、プロファイル、証明書が${folder}にあります。サービスはこれらを使わずに開始します。コピーするには--copy-dataを指定してください。`,
  stopQuestion: (problem) => `${problem}停止しますか？ [y/N] `,
  nothing: '変更する項目はありません。',
  wouldBeDone: '次の操作を行うことになります:',
  willBeDone: '次の操作を行います:',
  effect: 'このマシンのサービスを変更します。',
  done: (step) => `完了しました: ${step}`,
  onlyOwner: (account) =>
    `プロキシ自身に問い合わせできるのは、${account}とrootだけです: sudo flm service status`,
  itsOwner: '所有者',
  facts: {
    service: 'サービス',
    state: '状態',
    process: 'プロセス',
    restarts: '再起動の回数',
    atBoot: '自動起動',
    since: '開始日時',
    says: '報告',
    profile: 'プロファイル',
    unit: 'ユニット',
    data: 'データ',
  },
  yes: 'はい',
  no: 'いいえ',
  ofUser: (folder, account) => `${folder}（ユーザー${account}）`,
  steps: {
    stopProxy: (id, profile) => `${id}を停止（プロファイル${profile}）`,
    saveSettings: (profile) => `設定をプロファイル${profile}に保存`,
    createUser: (account) => `システムユーザー${account}を作成`,
    makeFolder: (folder, account) => `${account}専用のデータフォルダー${folder}を作成`,
    copyData: (user) => `${user}のデータ（キー、プロファイル、ポリシー、使用量、証明書）をコピー`,
    writeUnit: () => 'ユニットを書き込み',
    startAgain: () => 'サービスを再起動',
    startAtBoot: () => 'サービスを開始し、マシンの起動時にも開始するよう設定',
    startAtLogin: () => 'サービスを開始し、ログイン時にも開始するよう設定',
    runWithoutLogin: () => 'ログインしていなくても動作し、マシンの起動時に開始するよう設定',
    stopAndRemove: (unit) => `${unit}を停止して削除`,
    deleteData: () => 'データ（キー、プロファイル、使用量、証明書）を削除',
    deleteUser: (account) => `システムユーザー${account}を削除`,
  },
  remarks: {
    originalStays: (original, copy) => `${original} -> ${copy}（元のデータは残ります）`,
    otherFilesStay: (folder) => `（${folder}のほかのファイルは残ります）`,
  },
  notes: {
    dataStays: (folder) => `データは${folder}に残ります。`,
    dataAndUserStay: (folder, account) =>
      `データは${folder}に残ります。所有者のユーザー${account}も残ります。`,
    copied: (home, original) =>
      `以後、\`sudo flm\`は${home}を使います。${original}のデータは、サービスでは使われなくなります。`,
    withSudo: (home) => `管理には\`sudo flm\`を使ってください。データは${home}にあります。`,
    noNotify: () =>
      'systemd-notifyがインストールされていません。サービスはウォッチドッグなしで動作し、再起動の間は接続を拒否します。',
    launchd: () => 'launchdへの対応はAppleの文書に基づくもので、macOSでは検証していません。',
    launchdLog: (file) => `ログは${file}に書き込まれます。ローテーションは行われません。`,
    launchdUser: () => 'ユーザーのサービスは、ログインしている間だけ動作します。',
    launchdPort: (port) =>
      `macOSでは、root以外のユーザーがポート${port}で待ち受けるには、すべてのアドレスを指定する必要があります（--bind 0.0.0.0）。`,
  },
};
