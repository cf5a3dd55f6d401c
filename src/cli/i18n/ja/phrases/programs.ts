/** Services of the operating system, and the upgrade of the program. */
import type { Phrase } from '../../phrase.ts';

export const programPhrases: readonly Phrase[] = [
  // src/service/
  ['system ', 'システム'],
  ['user ', 'ユーザー'],
  ['systemd does not run on this machine', 'このマシンではsystemdが動作していません'],
  [
    'Let your supervisor run `flm proxy run`; in a container make it the command of the container.',
    'スーパーバイザーで`flm proxy run`を実行してください。コンテナーでは、コンテナーのコマンドに指定します。',
  ],
  ['{platform} has no systemd', '{platform}にはsystemdがありません'],
  ['Let your supervisor run `flm proxy run`.', 'スーパーバイザーで`flm proxy run`を実行してください。'],
  ['Windows services are not supported', 'Windowsのサービスには対応していません'],
  [
    'Start flm at logon with the Task Scheduler: `schtasks /create /tn flm /sc onlogon /tr "flm proxy run"`.',
    'タスクスケジューラーでログオン時にflmを起動してください: `schtasks /create /tn flm /sc onlogon /tr "flm proxy run"`',
  ],
  ['launchd cannot pass sockets to flm', 'launchdはflmにソケットを渡せません'],
  ['Leave out --socket.', '--socketを省略してください。'],
  ['it does not answer', '応答しません'],
  ['flm did not write it', 'flmが書き込んだものではありません'],
  ['it was edited', '編集されています'],
  ['it was not created', '作成されませんでした'],
  ['it is not a valid name for a system user', 'システムユーザーの名前として正しくありません'],
  ['root may do everything', 'rootにはすべての権限があります'],
  ['it belongs to a person (user id {uid})', '通常のユーザーのものです（ユーザーID {uid}）'],
  ['it belongs to another user (user id {uid})', '別のユーザーが所有しています（ユーザーID {uid}）'],
  ['it belongs to root and is not empty', 'rootが所有していて、空ではありません'],
  [
    'is below {folder}, which the sandbox of a system service hides',
    'システムサービスのサンドボックスから見えない{folder}の下にあります',
  ],
  ['is not there', '存在しません'],
  ['cannot be read by every user', 'すべてのユーザーが読み取れるわけではありません'],
  [
    'is in {folder}, which not every user may enter',
    'すべてのユーザーがアクセスできるわけではない{folder}の中にあります',
  ],
  ['the program cannot be started', 'プログラムを起動できません'],
  ['the program cannot be started ({said})', 'プログラムを起動できません（{said}）'],
  ['it ended with {code} ({said})', '終了コード{code}で終了しました（{said}）'],
  ['it ended with {code}', '終了コード{code}で終了しました'],
  ['systemctl failed', 'systemctlが失敗しました'],
  ['launchctl failed', 'launchctlが失敗しました'],
  // src/app/upgrade/
  ['SHA256SUMS.sig is not a signature by flm', 'SHA256SUMS.sigがflmの署名ではありません'],
  ['SHA256SUMS has no line for it', 'SHA256SUMSにこのファイルの行がありません'],
  ['{file} cannot be read', '{file}を読み取れません'],
  [
    'cannot be installed: SHA256SUMS lists the file as {name}',
    'インストールできません（SHA256SUMSでの名前: {name}）',
  ],
  [
    'has the contents of the kind "{type}", but SHA256SUMS lists the file as {name}',
    '内容の種類が「{type}」ですが、SHA256SUMSでの名前は{name}です',
  ],
  ['is for {wanted}, and this machine is {own}', '{wanted}用で、このマシンは{own}です'],
  [
    'has the name of another file: SHA256SUMS lists the file as {name}',
    '別のファイルの名前です（SHA256SUMSでの名前: {name}）',
  ],
  ['is neither an executable of Linux nor a package', 'Linuxの実行ファイルでもパッケージでもありません'],
  [
    'is an executable, and this flm was installed as {what}',
    '実行ファイルですが、このflmは{what}としてインストールされています',
  ],
  [
    'is an executable for {wanted}, and this machine is {own}',
    '{wanted}用の実行ファイルで、このマシンは{own}です',
  ],
  [
    'is flm {version}, but SHA256SUMS lists the file as {name}',
    'flm {version}ですが、SHA256SUMSでの名前は{name}です',
  ],
  [
    'is a Debian package, and this flm was installed as {what}',
    'Debianパッケージですが、このflmは{what}としてインストールされています',
  ],
  [
    'is an npm package, and this flm was installed as {what}',
    'npmパッケージですが、このflmは{what}としてインストールされています',
  ],
  ['an executable', '実行ファイル'],
  ['a Debian package', 'Debianパッケージ'],
  ['an npm package', 'npmパッケージ'],
  ['a clone of the repository', 'リポジトリーのクローン'],
  ['does not run on this machine', 'このマシンでは実行できません'],
  ['is not flm', 'flmではありません'],
  ['The proxy', 'プロキシ'],
];
