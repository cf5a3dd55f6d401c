/** Texts of `flm ui`. */
import type { CliCatalogue } from '../catalogue.ts';

export const ui: CliCatalogue['ui'] = {
  language: 'ja',
  help: 'ダッシュボードをブラウザーで開きます。コマンドを終了すると、ダッシュボードも終了します',
  options: {
    port: '127.0.0.1のポート。既定では空いているポート',
    noOpen: 'リンクを表示し、ブラウザーは開きません',
  },
  port: '--portには、0から65535までの数値を指定してください。',
  dashboard: (url) => `ダッシュボード: ${url}`,
  openOnce: '次のリンクを2分以内に開いてください（1回だけ使えます）:',
  ends: 'Ctrl-Cで終了します。このマシンからだけアクセスできます。',
  open: 'ダッシュボードを開く',
};
