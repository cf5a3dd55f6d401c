/** The findings of `flm doctor`: `src/core/doctor/` and `src/app/doctor/`. */
import type { Phrase } from '../../phrase.ts';

export const doctorPhrases: readonly Phrase[] = [
  [
    'Proxy {id} (profile {profile}) ended without a stop.',
    'プロキシ{id}（プロファイル{profile}）は停止の操作なしに終了しました。',
  ],
  [
    'Proxy {id} (profile {profile}) does not answer.',
    'プロキシ{id}（プロファイル{profile}）が応答しません。',
  ],
  [
    'Proxy {id} (profile {profile}) can be reached from {state}, and the policy allows every address; allow only the ranges of your clients.',
    'プロキシ{id}（プロファイル{profile}）には{state}から接続でき、ポリシーはすべてのアドレスを許可しています。クライアントの範囲だけを許可してください。',
  ],
  [
    'The domain {name} of profile {profile} has no address in DNS, so no client and no CA finds this machine by it; add an A or AAAA record.',
    'プロファイル{profile}のドメイン{name}のアドレスがDNSにないため、クライアントとCAがこのマシンを見つけられません。AレコードまたはAAAAレコードを追加してください。',
  ],
  [
    'The domain {name} of profile {profile} leads to {addresses}, which is no address of this machine; this is right only if a router or a load balancer there forwards to it.',
    'プロファイル{profile}のドメイン{name}のアドレスは{addresses}で、このマシンのものではありません。そこにあるルーターかロードバランサーがこのマシンに転送する場合だけ、この設定で動作します。',
  ],
  [
    'Port {port} of profile {profile} is in use, so a proxy of this profile cannot start; stop the program that uses it, or choose another port.',
    'プロファイル{profile}のポート{port}は使用中のため、このプロファイルのプロキシを起動できません。使用しているプログラムを停止するか、別のポートを選んでください。',
  ],
  [
    'Port {port} of profile {profile} is in use by {program}, so a proxy of this profile cannot start; stop that program, or choose another port.',
    'プロファイル{profile}のポート{port}は{program}が使用中のため、このプロファイルのプロキシを起動できません。そのプログラムを停止するか、別のポートを選んでください。',
  ],
  [
    "The clock of engine {id} differs from this machine's by {count} s; expiry of keys, limits and certificates follow the clock, so synchronise both.",
    'エンジン{id}の時計が、このマシンの時計と{count}秒ずれています。キーの有効期限、制限、証明書は時計に依存します。両方を同期してください。',
  ],
  [
    "The clock of the database differs from this machine's by {count} s; expiry of keys, limits and certificates follow the clock, so synchronise both.",
    'データベースの時計が、このマシンの時計と{count}秒ずれています。キーの有効期限、制限、証明書は時計に依存します。両方を同期してください。',
  ],
  [
    'The proxy of profile {profile} does not listen on port {port}, where the CA checks its domains (http-01), so its certificate cannot be renewed; allow this user to use the port, or choose another challenge.',
    'プロファイル{profile}のプロキシは、CAがドメインを確認するポート{port}（http-01）で待ち受けていないため、証明書を更新できません。このユーザーにポートの使用を許可するか、別のチャレンジを選んでください。',
  ],
  [
    'Port {port}, where the CA checks the domains of profile {profile} (http-01), is in use, so flm gets no certificate; stop the program that uses it, or choose another challenge, such as tls-alpn-01 if port 443 leads to the proxy.',
    'CAがプロファイル{profile}のドメインを確認するポート{port}（http-01）は使用中のため、flmは証明書を取得できません。使用しているプログラムを停止するか、別のチャレンジを選んでください（ポート443がプロキシに届く場合はtls-alpn-01など）。',
  ],
  [
    'Port {port}, where the CA checks the domains of profile {profile} (http-01), is in use by {program}, so flm gets no certificate; stop that program, or choose another challenge, such as tls-alpn-01 if port 443 leads to the proxy.',
    'CAがプロファイル{profile}のドメインを確認するポート{port}（http-01）は{program}が使用中のため、flmは証明書を取得できません。そのプログラムを停止するか、別のチャレンジを選んでください（ポート443がプロキシに届く場合はtls-alpn-01など）。',
  ],
  [
    'Engine {id} gives the model {model} a context of {count} tokens, too few for coding clients.',
    'エンジン{id}のモデル{model}のコンテキストは{count}トークンで、コーディング用のクライアントには足りません。',
  ],
  [
    'Engine {id} handles one request at a time, so other clients wait; raise its number of parallel requests if it has the memory.',
    'エンジン{id}が同時に処理するリクエストは1つなので、ほかのクライアントは待ちます。メモリーに余裕があれば、並列数を増やしてください。',
  ],
  [
    'In Docker: publish the port only on this machine, with `-p 127.0.0.1:{port}:{inside}`.',
    'Dockerの場合: ポートをこのマシンだけに公開します（`-p 127.0.0.1:{port}:{inside}`）。',
  ],
  [
    'On macOS: run `launchctl setenv OLLAMA_HOST 127.0.0.1:{port}` and restart Ollama; a launchd job needs the variable under EnvironmentVariables of its plist.',
    'macOSの場合: `launchctl setenv OLLAMA_HOST 127.0.0.1:{port}`を実行し、Ollamaを再起動します。launchdのジョブでは、plistのEnvironmentVariablesに設定します。',
  ],
  [
    'On Windows: run `setx OLLAMA_HOST 127.0.0.1:{port}`, quit Ollama in the notification area, and start it again.',
    'Windowsの場合: `setx OLLAMA_HOST 127.0.0.1:{port}`を実行し、通知領域のOllamaを終了して、もう一度起動します。',
  ],
  [
    'As a systemd service: run `sudo systemctl edit ollama`, add the lines `[Service]` and `Environment="OLLAMA_HOST=127.0.0.1:{port}"`, then run `sudo systemctl restart ollama`.',
    'systemdのサービスの場合: `sudo systemctl edit ollama`で`[Service]`と`Environment="OLLAMA_HOST=127.0.0.1:{port}"`の行を追加し、`sudo systemctl restart ollama`を実行します。',
  ],
  [
    'As a launchd job: change the address in ProgramArguments of its plist, then run `launchctl kickstart -k gui/$(id -u)/LABEL`.',
    'launchdのジョブの場合: plistのProgramArgumentsのアドレスを変更し、`launchctl kickstart -k gui/$(id -u)/LABEL`を実行します。',
  ],
  [
    'On Windows: change the address where the engine is started, or block the port with `netsh advfirewall firewall add rule name=engine dir=in action=block protocol=TCP localport={port}`.',
    'Windowsの場合: エンジンの起動設定のアドレスを変更するか、`netsh advfirewall firewall add rule name=engine dir=in action=block protocol=TCP localport={port}`でポートを塞ぎます。',
  ],
  [
    'As a systemd service: change the address with `sudo systemctl edit --full UNIT`, then run `sudo systemctl restart UNIT`.',
    'systemdのサービスの場合: `sudo systemctl edit --full UNIT`でアドレスを変更し、`sudo systemctl restart UNIT`を実行します。',
  ],
  [
    'The trusted proxies include every address, so any client can claim another address and bypass the address rules; name only your reverse proxies.',
    '信頼するプロキシにすべてのアドレスが含まれるため、クライアントが別のアドレスを名乗って、アドレスの規則を回避できます。リバースプロキシだけを指定してください。',
  ],
  [
    'Keys without any limit: {count} ({labels}); one client can take all engines.',
    '制限のないキー: {count}件（{labels}）。1つのクライアントがすべてのエンジンを占有できます。',
  ],
  ['Keys that never expire: {count} ({labels}).', '有効期限のないキー: {count}件（{labels}）。'],
  [
    'Keys that nobody used for {days} days: {count} ({labels}); revoke those that nobody needs.',
    '{days}日間使われていないキー: {count}件（{labels}）。不要なキーを失効してください。',
  ],
  [
    'The certificate of proxy {id} (profile {profile}) expires at {at} and has not been renewed yet.',
    'プロキシ{id}（プロファイル{profile}）の証明書の有効期限は{at}ですが、まだ更新されていません。',
  ],
  [
    'The local CA expires at {at}; renew it, and let your devices trust the new one.',
    'ローカルCAの有効期限は{at}です。更新し、新しいCAを各デバイスで信頼してください。',
  ],
  [
    'The certificate file {file} cannot be used; the next start of its profile creates a new one.',
    '証明書のファイル{file}を使用できません。プロファイルを起動すると、新しい証明書が作成されます。',
  ],
  [
    'Proxy {id} (profile {profile}) runs flm {running}, and {installed} is installed; hand the proxy over to it.',
    'プロキシ{id}（プロファイル{profile}）はflm {running}で動作していますが、インストール済みのバージョンは{installed}です。切り替えてください。',
  ],
  [
    'Engine {id} answers but has no model; load one in the engine.',
    'エンジン{id}は応答しますが、モデルがありません。エンジンにモデルを読み込んでください。',
  ],
  [
    'Engine {id} answers without a key on {address}, so others can bypass flm; {advice}.',
    'エンジン{id}が{address}でキーなしに応答するため、flmを経由せずに接続できます。対策: {advice}。',
  ],
  [
    'Engine {id} answers without a key at {address}, so everyone who reaches this address can bypass flm; give the engine a key, or let its firewall allow only flm.',
    'エンジン{id}が{address}でキーなしに応答するため、このアドレスに接続できる人は誰でもflmを経由せずに使えます。エンジンにキーを設定するか、ファイアウォールでflmだけを許可してください。',
  ],
  [
    'Engine {id} allows web pages of every origin (CORS), so a page in a browser that reaches it can use it; restrict its allowed origins.',
    'エンジン{id}がすべてのオリジンのWebページを許可しているため（CORS）、ブラウザーで開いたページからエンジンを使えます。許可するオリジンを制限してください。',
  ],
  [
    'The disk of the data folder {folder} has {free} left, so flm will soon be unable to save keys and usage; free some space.',
    'データフォルダー{folder}のディスクの空きは{free}です。まもなくキーや使用量を保存できなくなります。空き容量を増やしてください。',
  ],
  [
    'The disk of the data folder {folder} has {free} left; free some space.',
    'データフォルダー{folder}のディスクの空きは{free}です。空き容量を増やしてください。',
  ],
  [
    'Files in the data folder {folder} belong to another user: {files}; flm cannot change them.',
    'データフォルダー{folder}のファイルが別のユーザーのものです: {files}。flmは変更できません。',
  ],
  [
    'Other users may read files with secrets in the data folder {folder}: {files}.',
    'データフォルダー{folder}にあるシークレットのファイルを、ほかのユーザーが読み取れます: {files}。',
  ],
  [
    'The server in FLM_VALKEY_URL does not answer ({reason}); start it, or correct the URL.',
    'FLM_VALKEY_URLのサーバーが応答しません（{reason}）。起動するか、URLを修正してください。',
  ],
];
