import type { CliCatalogue } from '../catalogue.ts';

/** Texts of the commands about flm itself, and of messages that any command may print. */
export const self: CliCatalogue['self'] = {
  about: {
    flm: '現在の状態と、次にできることを表示します',
    upgrade:
      '実行中のプロキシを、インストール済みのバージョンに引き継ぎます。--toを指定すると、検証したファイルでこの実行ファイルを先に置き換えます',
    uninstall:
      'このマシンでflmが変更したもの（サービス、ローカルCAへの信頼）を元に戻します。--dataを指定するとデータも削除します',
    completion: 'シェルでコマンド、フラグ、名前を補完するスクリプトを出力します',
    version: 'flmとNodeのバージョン、プラットフォームを表示します',
    help: 'コマンドのヘルプを表示します',
  },
  options: {
    to: 'リリースの実行ファイルまたはパッケージ。同じ場所にSHA256SUMSとSHA256SUMS.sigが必要',
    sha256: '署名の代わりに、このSHA-256と一致するファイルを信頼します',
    data: 'データフォルダー（キー、プロファイル、使用量、証明書）も削除します',
    stop: '実行中のプロキシを停止します',
    licenses: 'flmに含まれるすべてのコードのライセンスを表示します',
    command: 'コマンド（key createなど）',
  },
  upgrade: {
    hashAlone: '--sha256は--to FILEと一緒に指定してください。',
    badHash: '--sha256には64桁の16進数を指定してください。',
    others: '別のバージョンをインストールするには:',
    genuine: 'ファイルの検証に成功しました。次のコマンドでインストールしてください:',
    installed: (version, path) => `flm ${version}を${path}にインストールしました。`,
    capabilities: (capabilities) =>
      `以前のファイルにはケーパビリティ${capabilities}がありましたが、新しいファイルにはまだありません。次のコマンドを実行してください:`,
    noProxy: '実行中のプロキシはありません。次の起動からこのバージョンを使います。',
    handedOver: (from, id, profile) => `${from}から${id}に引き継ぎました（プロファイル${profile}）。`,
    failed: (id, profile, reason) =>
      `${id}（プロファイル${profile}）は、これまでどおり動作を続けます。${reason}`,
  },
  uninstall: {
    program:
      'プログラム自体は、インストールしたときと同じ方法で削除してください。docs/install.mdを参照してください。',
    dataStays: (folder) => `データは${folder}に残ります。削除するには--dataを指定してください。`,
    serviceStays: 'マシン全体のサービスは残ります。削除するには`sudo flm uninstall`を実行してください。',
    proxy: (id, profile) => `${id}（プロファイル${profile}）`,
    stopQuestion: (proxies) => `次のプロキシが実行中です: ${proxies}。停止しますか？ [y/N] `,
  },
  completion: {
    unknownShell: (shell, shells) =>
      `${shell}の補完には対応していません。次のいずれかを指定してください: ${shells}`,
  },
  otherFlm: (path) =>
    `PATHにあるコマンドflmは別のプログラムです（${path}。FastFlowLMも同じ名前です）。flmの代わりにflm-proxyを使ってください。`,
  unseenKey: (id, label) =>
    `${label}のキー${id}を作成しましたが、まだ表示していません。表示は1回だけです。今すぐ保存してください。`,
};
