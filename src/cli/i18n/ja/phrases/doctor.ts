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
