/** The warnings about proxies and engines: `src/core/proxy/warnings.ts`, and problems that do not end a command. */
import type { Phrase } from '../../phrase.ts';

export const warningPhrases: readonly Phrase[] = [
  [
    'The proxy waits for its first certificate; it ends if the CA issues none.',
    'プロキシは最初の証明書を待っています。CAが発行しない場合は終了します。',
  ],
  ['The certificate was not renewed: {reason}', '証明書を更新できませんでした: {reason}'],
  [
    'The certificate has expired at {at}, so clients refuse it; {advice}.',
    '証明書の有効期限が切れているため（{at}）、クライアントは接続を拒否します。{advice}',
  ],
  ['ask the CA for another now: `flm cert renew`', 'CAから新しい証明書を取得してください: `flm cert renew`'],
  ['restart the proxy: `flm proxy restart`', 'プロキシを再起動してください: `flm proxy restart`'],
  [
    'Keys cross the network in plain text ({addresses}, port {port}); use HTTPS: `{command}`.',
    'キーが暗号化されずにネットワークを流れます（{addresses}、ポート{port}）。HTTPSを使ってください: `{command}`',
  ],
  [
    'No key can be used; make one: `flm key create LABEL`.',
    '使用できるキーがありません。作成してください: `flm key create LABEL`',
  ],
  [
    'No engine was found; start one, or add one: `flm engine add URL`.',
    'エンジンが見つかりません。起動するか、追加してください: `flm engine add URL`',
  ],
  [
    'Only the built-in demo engine answers; start a real engine, and flm uses it automatically.',
    '応答しているのは内蔵のデモエンジンだけです。エンジンを起動すると、flmが自動的に使用します。',
  ],
  [
    'Engine {id} does not answer at {url} ({why}); start it, flm detects it automatically.',
    'エンジン{id}が{url}で応答しません（{why}）。起動すると、flmが自動的に検出します。',
  ],
  [
    'Engine {id} does not answer at {url}; start it, flm detects it automatically.',
    'エンジン{id}が{url}で応答しません。起動すると、flmが自動的に検出します。',
  ],
  [
    'Engine {id} itself answers on {address} without a key of flm, so clients can bypass flm; {advice}.',
    'エンジン{id}自体が{address}でflmのキーなしに応答するため、クライアントがflmを経由せずに接続できます。対策: {advice}。',
  ],
  [
    'The server in FLM_VALKEY_URL does not count limits ({reason}); requests with limits are refused until it answers.',
    'FLM_VALKEY_URLのサーバーが制限を計数できません（{reason}）。応答が戻るまで、制限のあるリクエストは拒否されます。',
  ],
  [
    'The server in FLM_VALKEY_URL does not count limits ({reason}); this node decides alone, with {part} of each limit, until it answers.',
    'FLM_VALKEY_URLのサーバーが制限を計数できません（{reason}）。応答が戻るまで、このノードは各制限の{part}を使って単独で判定します。',
  ],
  [
    'Telemetry cannot be sent to {url} ({reason}); start that server, or restart the proxy without --otlp.',
    'テレメトリーを{url}に送信できません（{reason}）。サーバーを起動するか、--otlpを外してプロキシを再起動してください。',
  ],
  ['it refuses connections', '接続を拒否されました'],
  ['it does not answer in time', '時間内に応答がありません'],
  ['it cannot be reached', '到達できません'],
  ['its name is not known', '名前を解決できません'],
  ['the connection failed: {errno}', '接続に失敗しました: {errno}'],
  ['it answers {status}', '{status}が返されました'],
  [
    'Stored keys are refused, because the database was last read at {time}; they are valid again when it answers.',
    'データベースを最後に読み取れたのが{time}のため、保存されたキーは拒否されます。応答が戻ると再び有効になります。',
  ],
  [
    'Keys and policy of {time} stay in force until {until}; then stored keys are refused.',
    '{time}時点のキーとポリシーが{until}まで有効です。その後、保存されたキーは拒否されます。',
  ],
  [
    'Key {key} is revoked only in the memory of this proxy: {reason}',
    'キー{key}の失効は、このプロキシのメモリーにだけ反映されています: {reason}',
  ],
  [
    'It may hang. Look at its log: {command}',
    '応答が停止している可能性があります。ログを確認してください: {command}',
  ],
  [
    'No proxy is running. Start one with `flm up`, or in the background with `flm proxy start`.',
    '実行中のプロキシはありません。`flm up`で起動するか、`flm proxy start`でバックグラウンドに起動してください。',
  ],
  [
    'It was killed (out of memory, kill -9), it failed, or the machine went down.',
    '強制終了（メモリー不足、kill -9）、異常終了、またはマシンの停止が原因です。',
  ],
  [
    '{id} did not apply the change: {reason} It runs an older flm: flm proxy restart {profile}',
    '{id}は変更を反映していません: {reason}古いバージョンのflmで動作しています: flm proxy restart {profile}',
  ],
  ['{id} did not apply the change: {reason}', '{id}は変更を反映していません: {reason}'],
  [
    'The proxy runs, but its settings were not saved in profile {profile}: {reason}',
    'プロキシは動作していますが、設定をプロファイル{profile}に保存できませんでした: {reason}',
  ],
  [
    'The audit does not have this {action} of {id}: {reason}',
    '{id}の操作（{action}）を監査ログに記録できませんでした: {reason}',
  ],
  // Why an engine ranks last.
  ['a request failed with {what}', 'リクエストが失敗しました（{what}）'],
  [
    'a request failed with {what}, and {engine} answered the same key',
    'リクエストが失敗し（{what}）、同じキーに{engine}は応答しました',
  ],
  [
    'the engine refuses the key that flm has for it ({what})',
    'flmに設定されたキーをエンジンが拒否しました（{what}）',
  ],
  [
    'requests of more than one key failed, the last one with {what}',
    '複数のキーのリクエストが失敗しました（最後の失敗: {what}）',
  ],
  ['a broken connection', '接続の切断'],
  ['an invalid response', '正しくない応答'],
  ['an error in its stream', 'ストリーム内のエラー'],
  ['status {status}', 'ステータス{status}'],
  // src/core/backup/backup-schedule.ts
  [
    'The scheduled backup failed, and no good one was made yet: {problem}. Make one by hand with `flm backup create`.',
    '定期バックアップに失敗しました。成功したものはまだありません: {problem}。`flm backup create`で手動で作成してください。',
  ],
  [
    'The last scheduled backup failed, and the last good one is of {good}: {problem}. Make one by hand with `flm backup create`.',
    '最後の定期バックアップに失敗しました。最後の成功は{good}です: {problem}。`flm backup create`で手動で作成してください。',
  ],
  [
    'No scheduled backup was made yet, because backups are made while a proxy runs; start a proxy, or make one by hand with `flm backup create`.',
    '定期バックアップはまだ作成されていません。プロキシの実行中に作成されるため、プロキシを起動するか、`flm backup create`で手動で作成してください。',
  ],
  [
    'No scheduled backup was made since {good}, because backups are made while a proxy runs; start a proxy, or make one by hand with `flm backup create`.',
    '{good}から定期バックアップが作成されていません。プロキシの実行中に作成されるため、プロキシを起動するか、`flm backup create`で手動で作成してください。',
  ],
];
