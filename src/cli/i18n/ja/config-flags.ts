import type { CliCatalogue } from '../catalogue.ts';

/** Descriptions of the flags that configure a proxy, by their names in `ConfigFlags`. */
export const configFlags: CliCatalogue['configFlags'] = {
  mode: 'local-http（このマシン用。既定）、dev-selfsigned（ローカルネットワーク用のHTTPS）、https-acme（自分のドメイン用のHTTPS）のいずれか',
  bind: '待ち受けるアドレス（複数指定可）。既定ではループバックアドレス、HTTPSではすべてのアドレス',
  port: '待ち受けるポート。既定ではモードに応じて8484、8443、443のいずれか。0を指定すると空いているポートを選びます',
  publicHost: 'クライアントが使える追加のホスト名（複数指定可）',
  allowInsecureBind: 'ループバック以外のアドレスで、暗号化しないlocal-httpを許可します',
  admin: '管理APIとダッシュボードを、スコープadminまたはadmin:readを持つキーに公開します',
  engine: '使用するエンジン（複数指定可）。例: localhost:11434。既定では保存済みのエンジンと検出したエンジン',
  demo: 'ほかのエンジンが見つかるまで、内蔵のデモエンジンを使います',
  forwardHeader: 'エンジンに転送する追加のリクエストヘッダー（複数指定可）',
  grace: '停止時に、実行中の応答が終わるのを待つ時間。既定では30',
  heartbeat: 'ストリームが無通信の間に送る、コメントイベントの間隔。既定では送りません',
  san: 'dev-selfsignedの証明書に追加する名前またはアドレス（複数指定可）',
  clientCa: 'mTLS: このCA（PEM）の証明書を持つクライアントだけを受け付けます。クライアントにはキーも必要です',
  hsts: 'この時間、HTTPSだけを使うようブラウザーに伝えます。既定では伝えません',
  domain: 'https-acmeのドメイン（複数指定可）。例: llm.example.org',
  acmeEmail: 'CAに伝える連絡先のアドレス',
  acmeAcceptTerms: 'CAの利用規約に同意します（CAごとに1回）',
  acmeChallenge: 'http-01、tls-alpn-01、dns-01のいずれか。既定ではこのマシンで使えるものを選びます',
  acmeHttpPort: 'http-01のポート。既定では80',
  acmeDnsHook: 'TXTレコードを設定するプログラム。「COMMAND add|remove NAME VALUE」の形で呼び出します',
  acmeStaging: "Let's Encryptのステージングサーバーで試します。クライアントはその証明書を信頼しません",
  acmeDirectory: "ACMEサーバー。既定ではLet's Encrypt",
  acmeCa: 'ACMEサーバーとの通信で信頼するCAの証明書（PEM）',
};
