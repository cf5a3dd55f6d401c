import type { CliCatalogue } from '../catalogue.ts';

/** Texts of `flm cert`. */
export const cert: CliCatalogue['cert'] = {
  about: {
    cert: '証明書と、ローカルCAへの信頼を管理します',
    show: 'ローカルCA、その名前制約、プロキシの証明書を表示します',
    trust: 'このマシンやほかのデバイスがローカルCAを信頼するように設定します',
    export: 'ローカルCAの証明書をPEMで出力します',
    renew: '実行中のプロキシに、新しい証明書を今すぐACMEサーバーへ要求させます',
    authority: 'ローカルCAを管理します',
    renewAuthority: '新しいローカルCAを作成します。すべてのデバイスで信頼の設定をやり直す必要があります',
  },
  options: {
    remove: '信頼の設定を取り消します',
    yes: '確認せずに実行します',
    device: 'ローカルネットワーク上のスマートフォンやほかのコンピューター向けのページを、10分間公開します',
    port: '--deviceで公開するページのポート。既定では空いているポート',
    file: '書き込むファイル。既定では標準出力',
    permit: 'CAが追加で証明できるホスト名、アドレス、範囲（複数指定可）',
    proxy: 'IDまたはプロファイル。既定ではhttps-acmeのすべてのプロキシ',
  },
  badPort: '--portには0から65535までの数値を指定してください。',
  none: 'ローカルCAはまだありません。`flm proxy start --mode dev-selfsigned`または`flm cert trust`を実行すると作成されます。',
  facts: {
    authority: 'CA',
    fingerprint: 'SHA-256',
    file: 'ファイル',
    until: '有効期限',
    certifies: '証明の範囲',
    certificate: '証明書',
    names: '名前',
    damaged: '破損',
  },
  certifies: (names) => `${names}と、その下のすべての名前`,
  ofAcme: 'ACMEサーバーが発行',
  byName: (profile) => `プロファイル${profile}、名前で接続するクライアント用`,
  byAddress: (profile) => `プロファイル${profile}、アドレスで接続するクライアント用`,
  expired: (at) => `${at}（期限切れ）`,
  damaged: (damage) => `${damage}。次に起動するときに作り直されます`,
  trust: {
    stores: {
      debian: () => 'このシステム（Debian、Ubuntu）: curl、Python、Go、Node（--use-system-ca）',
      fedora: () => 'このシステム（Fedora、RHEL）: curl、Python、Go、Node（--use-system-ca）',
      arch: () => 'このシステム（Arch）: curl、Python、Go、Node（--use-system-ca）',
      suse: () => 'このシステム（SUSE）: curl、Python、Go、Node（--use-system-ca）',
      macos: () => 'macOSのこのユーザー: Safari、Chrome、curl、Node（--use-system-ca）',
      chromium: () => 'Chromium、Chrome、Brave、Edge',
      chromiumSnap: () => 'Chromium（snap）',
      firefox: (profile) => `Firefox（プロファイル${profile}）`,
    },
    obstacles: {
      updaterMissing: (program) =>
        `${program}がありません。パッケージca-certificatesをインストールしてください`,
      certutilMissing: () =>
        'certutilがありません。パッケージlibnss3-tools（またはnss-tools、nss）をインストールしてください',
      needsRoot: () => 'このストアを変更できるのはrootだけです。コマンドをrootとして実行してください',
    },
    settled: (store) => `信頼済みです（${store}）。`,
    absent: (store) => `信頼の設定はありません（${store}）。`,
    adds: (store) => `信頼に追加: ${store}`,
    removes: (store) => `信頼から削除: ${store}`,
    blocked: (title, obstacle) => `実行できません。${title}（${obstacle}）。`,
    noChange: 'このマシンでは変更の必要はありません。',
    changes: '次の変更を行います:',
    effect: 'このマシンが信頼するCAを変更します。',
    done: (title) => `完了しました。${title}`,
    works: '信頼しています（ハンドシェイクで確認済み）',
    fails: '設定しないと信頼しません',
    settings: '独自のCA一覧を持つプログラムには、次の設定が必要です:',
    python: (setting) => `${setting}   （httpx、OpenAI SDK。requestsではREQUESTS_CA_BUNDLE）`,
    containersName: 'コンテナー',
    containers: (setting) => `${setting}   （ベースURLはhttps://host.docker.internal:PORT/v1）`,
  },
  device: {
    open: '同じネットワークにあるデバイスで、次のURLを開いてください:',
    compare: 'デバイスに同じフィンガープリント（SHA-256）が表示されることを確認してください:',
    available: (time) =>
      `このページは${time}公開されます。Ctrl-Cで終了できます。このページがキーを受け取ることはありません。`,
    took: (address, path) => `${address}が${path}を取得しました`,
  },
  saved: (path, fingerprint) => `${path}に保存しました。SHA-256: ${fingerprint}`,
  replaces:
    'ローカルCAを置き換えます。現在のCAを信頼しているデバイスでは、新しいCAを信頼する必要があります。',
  replaced:
    '実行中のプロキシは新しいCAを使っています。続けて、このマシンでは`flm cert trust`を、ほかのデバイスのためには`flm cert trust --device`を実行してください。',
  noAcmeProxy: '実行中のhttps-acmeのプロキシはありません。次に起動するときは、すぐに証明書を要求できます。',
};
