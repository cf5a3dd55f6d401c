/** Headings of `flm --help`, and one line about each command where its description is longer. */
import type { CliCatalogue } from '../catalogue.ts';

export const help: CliCatalogue['help'] = {
  groups: {
    start: '使い始める:',
    access: 'アクセス:',
    engines: 'エンジン:',
    observe: '監視:',
    https: 'HTTPS:',
    operate: '運用:',
    self: 'flm自体:',
  },
  options: {
    others: 'オプション:',
    listening: '待ち受け:',
    engines: 'エンジン:',
    responses: '応答:',
    https: 'HTTPS:',
    domain: '独自ドメインでのHTTPS（https-acme）:',
  },
  summaries: {
    up: 'エンジンを検出してプロキシを起動し、リクエストの例を表示します',
    chat: 'プロキシを経由してモデルとチャットします',
    connect: 'クライアントの設定を表示します。ファイルにも書き込めます',
    ui: 'ダッシュボードをブラウザーで開きます',
    policy: '全キー共通のルール（アドレス、オリジン、レート）',
    status: '実行中のプロキシの状態を表示します',
    requests: '実行中のリクエストを一覧表示します。中止もできます',
    usage: 'リクエスト数とトークン数の推移を表示します',
    retention: '使用量と監査ログの保存期間',
    top: 'エンジンと実行中のリクエストをリアルタイムで表示します',
    tail: '終了したリクエストを順に表示します',
    explain: 'エラーや拒否されたリクエストについて説明します',
    service: 'システムのサービスとして、起動時にプロキシを実行します',
    upgrade: '実行中のプロキシをインストール済みのバージョンに切り替えます',
    uninstall: 'flmがこのマシンに加えた変更を元に戻します',
    completion: 'シェルの補完スクリプトを出力します',
    version: 'バージョンを表示します',
  },
  lang: (languages) => `画面に表示する言語: ${languages}。既定ではロケールに従います`,
  more: 'コマンドのヘルプ: flm COMMAND --help 。マニュアル: man flm',
};
